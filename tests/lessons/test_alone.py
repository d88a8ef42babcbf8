"""Where a system has one thread and no other process, as a browser's Python, lesson 01 runs all the same."""

import subprocess
import sys
from pathlib import Path

ALONE = """
import os, subprocess, threading
from llmos_nb.journal import host

def refuse(*_, **__):
    raise RuntimeError("there is one thread, and one process")

host.ALONE = True
threading.Thread.start = subprocess.Popen.__init__ = os.fork = refuse
"""
PROCESSES = """
import asyncio
import llmos_nb as llmos
from llmos_nb.journal import read
from llmos_nb.lessons.loop import double
from llmos_nb.lessons.models import call, settle
from llmos_nb.models.scripted import ScriptedModel

TURNS = [call("double", n=21), {"text": "It is 42."}]
run = settle("Double 21.", TURNS, tools=[double])
awaited = asyncio.run(llmos.run("Double 21.", model=ScriptedModel(TURNS), tools=[double], namespace={}, approve="auto"))
print(run.answer, awaited.answer, run.reason, len(read(awaited.journal.path)) == len(awaited.events))
"""
CHECKS = """
from llmos_nb.lessons import core, lesson
core.COMPUTES_S = 0.5
here = lesson("01")

def endless(propose, tools, goal, most):
    while True:
        pass

print(here.check("mini", "mini.py"))
print(here.check("loop", endless))
"""


def alone(folder, code):
    """Run code where no thread and no process can be begun; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE + code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_runs_and_is_on_disk_where_no_thread_can_be_begun(tmp_path):
    assert alone(tmp_path, PROCESSES).split() == ["It", "is", "42.", "It", "is", "42.", "answered", "True"]


def test_checks_judge_and_bound_a_learners_code_where_there_is_no_process_apart(tmp_path):
    reference = Path(__file__).parents[2] / "docs" / "mini.py"
    (tmp_path / "mini.py").write_text(reference.read_text("utf-8"), "utf-8")
    right, endless = alone(tmp_path, CHECKS).split("not yet, ")
    assert right.startswith("✓ mini") and "came to no end" in endless
