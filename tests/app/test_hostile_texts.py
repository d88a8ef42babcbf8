"""Texts of others steer no terminal: titles, names of files and settings with control characters are shown as escapes."""

import asyncio
import json
import re

import pytest
from notebook_driver import Notebook
from programs import run_llmos

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

# the title of the window, the screen, a colour by one byte, the order of reading, the clipboard
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\r\x08\x1b]52;c;b3duZWQ=\x07"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
FILES = ["head", "mac", "cells", "platform", "processes", "inputs"]


def python(code):
    return {"calls": [{"name": "python", "arguments": {"code": code}}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Have a folder in which all that can be named is hostile: goals, titles, outputs, exports, settings."""
    made = tmp_path_factory.mktemp("clone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMOS_HOME", str(made / ".llmos"))
        patch.setenv("LLMOS_TRUST", str(made))
        patch.chdir(made)
        session = llmos.Session({})
        steps = [{"title": f"a {EVIL}", "expect": "x == 1"}]
        asks = {"calls": [{"name": "ask", "arguments": {"question": EVIL}}]}
        turns = [
            {"calls": [{"name": "plan", "arguments": {"steps": steps}}], "text": EVIL},
            python(f"x = 1\nprint({EVIL!r})"),
            python(f"raise ValueError({EVIL!r})"),
            {"calls": [{"name": f"no{EVIL}", "arguments": {EVIL: EVIL}}]},
            asks,
        ]
        for goal, said in ((EVIL, turns), ("Count.", [python("n = 1"), {"text": EVIL}])):
            process = session.create(goal, model=ScriptedModel(said), approve="auto")
            asyncio.run(process.start().attend(patient=False))
        process.export("ok.ipynb")
        book = json.loads((made / "ok.ipynb").read_text())
        for key in FILES:
            about = {**book["metadata"]["llmos_nb"], "head": {}}
            about[key] = _spoilt(about[key])
            (made / f"{key}.ipynb").write_text(json.dumps(book | {"metadata": book["metadata"] | {"llmos_nb": about}}))
        (made / "jobs.jsonl").write_text(json.dumps({"id": EVIL, "goal": EVIL, "tools": [EVIL]}))
        yield made


def _spoilt(given):
    if isinstance(given, dict):
        return {f"{k}{EVIL}": _spoilt(v) for k, v in given.items()}
    return [_spoilt(v) for v in given] if isinstance(given, list) else f"{given}{EVIL}"


WORDS = {
    "ps": ["ps", "--all"], "top": ["top"], "tree": ["tree", "--all"], "show": ["show", "1"], "log": ["log", "1"],
    "doctor": ["doctor"], "trust": ["trust"], "resume": ["resume", "1"], "export": ["export", "2", "--to", "x.ipynb"],
    "batch": ["run-batch", "jobs.jsonl"], "eval": ["eval", "."], "lesson": ["lesson", EVIL],
    **{f"{verb} what is not there": [verb, f"no{EVIL}"] for verb in ("log", "verify", "trust", "run-batch", "eval")},
    "no such verb": [EVIL], "verify": ["verify", "ok.ipynb"],
    **{f"verify {key}": ["verify", f"{key}.ipynb"] for key in FILES},
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_command_prints_no_character_of_others_that_steers_the_terminal(name, folder, monkeypatch):
    monkeypatch.setenv("LLMOS_HOME", str(folder / ".llmos"))
    _, out, err = run_llmos(*WORDS[name], cwd=folder)
    assert STEERS.search(out + err) is None and "Traceback" not in err, ascii(out + err)


SETTINGS = {
    "a value": "approve = 'V'", "a name": "V = 1", "a label": "[labels]\nV = 'x'", "a server": "[mcp.V]\ncommand = ['V']",
    "a host": "[model]\nbase_url = 'http://V'", "a rule": "[[policy.rules]]\ntool = 'V'\ndo = 'allow'",
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_hostile_settings_are_said_without_steering_the_terminal(name, tmp_path):
    quoted = json.dumps(EVIL)
    (tmp_path / "llmos.toml").write_text(
        SETTINGS[name].replace("'V'", quoted).replace("http://V", "V").replace("V", quoted)
    )
    for words in (["trust"], ["doctor"], ["ps"], ["eval", "."]):
        _, out, err = run_llmos(*words, cwd=tmp_path)
        assert STEERS.search(out + err) is None and "Traceback" not in err, ascii(out + err)


def test_notebook_says_hostile_texts_as_escapes(folder, monkeypatch):
    """The counter-example: it says them, and leaves nothing out."""
    monkeypatch.setenv("LLMOS_HOME", str(folder / ".llmos"))
    with Notebook(folder) as book:
        for line in ("tree", "ps --all", "show 1", "log 1", "verify cells.ipynb", "doctor", "resume 77"):
            ran = book.run(f"%agent {line}")
            shown = re.sub("\x1b\\[[\\d;]*m", "", ran.text)  # colours of a traceback
            assert STEERS.search(shown + ran.error) is None, ascii(shown)
        assert "\\x1b]0;owned" in book.run("%agent tree").text
