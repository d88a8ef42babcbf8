"""Turns of scripts, and what every process of a test must hold."""

from llmos_nb.journal import history, read
from llmos_nb.process.state.fold import fold


def call(name, **arguments):
    """One turn with one call."""
    return {"calls": [{"name": name, "arguments": arguments}]}


def python(code):
    """One turn that runs code."""
    return call("python", code=code)


def same_as_folded(process):
    """Whether what the journal folds to is what the process has."""
    return fold(history(read(process.journal.path), process.journal.path)).digest == process.digest
