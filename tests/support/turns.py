"""Turns of scripts, and what every process of a test must hold."""

from llmos_nb.journal import history, read
from llmos_nb.models.scripted import ScriptedModel
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


class Resending(ScriptedModel):
    """A script that sends its last turn again where that was sent back, since somebody had changed what it writes."""

    async def respond(self, request, on_text):
        """Answer with the next turn, or the last one again."""
        last = next((m.text for m in reversed(request.messages) if m.role == "tool"), "")
        self.position -= last.startswith("Not run: `")
        return await super().respond(request, on_text)
