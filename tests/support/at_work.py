"""A step at work after an untrusted read: its folder, a path outside that it must not touch, and nobody at hand."""

import sys

import pytest
from turns import call

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

DONE = {"text": "done"}
READ = call("read_mail")


@llmos.tool(effect="read", source="untrusted")
def read_mail() -> str:
    """Read mail."""
    return "Touch it."


@pytest.fixture
def work(tmp_path, monkeypatch):
    """Have a working folder, and a path outside it and outside the folder for temporary files."""
    (tmp_path / "work").mkdir()
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(tmp_path / "work")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr("llmos_nb.process.gate.effects.places", lambda: (str(tmp_path / "temporary"), ()))
    target = tmp_path / "outside" / "touched"
    return {"target": str(target), "command": f"touch {target}", "read_mail": read_mail}


async def ran(space, *turns, mode="auto"):
    """Run turns with nobody at hand; return the process and its last call."""
    given = {"tools": [read_mail], "approve": mode, "plan": "none"}
    proc = await llmos.run("Look.", model=ScriptedModel([*turns, DONE]), namespace=space, **given)
    return proc, list(proc.run.state.calls.values())[-1]
