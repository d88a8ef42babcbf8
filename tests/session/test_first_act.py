"""What is done first in a folder makes its home, and marks it as made here."""

import json
import sys
from pathlib import Path

import pytest
from skill_books import book

import llmos_nb as llmos
from llmos_nb.app.options import carry_out
from llmos_nb.session import Session
from llmos_nb.session.skills import skills

HOSTILE = Path(__file__).parents[1] / "support" / "mcp_malicious.py"


async def a_server(folder):
    pytest.importorskip("mcp")
    session = Session({})
    await carry_out(session, f"mcp add evil {sys.executable} {HOSTILE} honest {folder / 'calls.txt'}")
    await session.servers._running["evil"][1].close()


async def a_skill(folder):
    (folder / "skill.ipynb").write_text(json.dumps(book()))
    skills.of(Session({})).add(folder / "skill.ipynb")


async def a_batch(folder):
    (folder / "turns.json").write_text(json.dumps({"version": 1, "turns": [{"text": "ok"}]}))
    await llmos.run_batch([{"id": "a", "goal": "x", "model": f"script:{folder / 'turns.json'}"}])


@pytest.mark.out_of_process
@pytest.mark.parametrize("act", [a_server, a_skill, a_batch])
async def test_a_home_that_an_act_of_yours_began_is_yours(act, tmp_path, monkeypatch):
    monkeypatch.setattr(skills, "jailed", lambda skill, timeout_s: None)
    await act(tmp_path)
    home = Session({}).home
    assert home.root.exists() and home.made_here
    await carry_out(Session({}), "remember 'the desk is open'")
    assert (home.root / ".gitignore").read_text() == "*\n"
