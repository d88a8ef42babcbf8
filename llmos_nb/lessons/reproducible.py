"""Lesson 08, reproducible work: the run is a program."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalTampered
from llmos_nb.journal import host, read
from llmos_nb.journal.events import YOU, CallDecided, CallUndone
from llmos_nb.lessons.core import Wrong, callable_or_wrong, ours, wrong_if
from llmos_nb.lessons.models import begin, python
from llmos_nb.messages import canonical
from llmos_nb.session import Process, Session

PLAN = [
    {"title": "Read the masses"},
    {"title": "Throw away what is under 4 kg", "depends_on": [1]},
    {"title": "Take the mean", "depends_on": [2]},
]
TIMEOUT_S = 60


def three_steps(seed: int) -> list[dict[str, Any]]:
    """Write the script of a model that does three steps, of which the second is a mistake."""
    masses = [3.0 + seed % 3, 3.5, 4.5, 5.0]
    return [
        {"plan": PLAN},
        python(f"masses = {masses}"),
        python("masses[:] = [m for m in masses if m >= 4]"),
        python("mean = sum(masses) / len(masses)"),
        {"text": "The mean is computed."},
    ]


def weigh(namespace: dict[str, Any], home: Path, seed: int) -> Process:
    """Run the three steps in a namespace."""

    async def run() -> Process:
        session, goal = Session(namespace, home), "What is the mean mass?"
        return await begin(session, goal, three_steps(seed), approve="auto").start()

    return host.to_its_end(run)


def judge_rewind(attempt: Any, seed: int) -> str:
    """Let it take the mistake back, and look at namespace and journal."""
    rewind = callable_or_wrong(attempt, "rewind(process)")
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as folder:
        namespace: dict[str, Any] = {}
        process = weigh(namespace, Path(folder), seed)
        alias = namespace["masses"]
        rewind(process)
        undone = [e.body.call for e in process.events if isinstance(e.body, CallUndone)]
        left = read(process.journal.path)
    wrong_if(not undone, "the journal says nothing of it: what is changed by hand is no undo", 1)
    told = "the first step is gone, too; only the mistake and what follows from it is to be taken back"
    wrong_if("masses" not in namespace, told, 3)
    if "mean" in namespace or len(namespace["masses"]) != 4:
        raise Wrong(f"undone are {', '.join(undone)}; the mistake was made in step 2 and stands", 2)
    if namespace["masses"] is not alias:
        raise Wrong("masses is another list now; whoever held the old one does not see it", 1)
    return f"undone: {', '.join(undone)}; the same list holds four masses again, and {len(left)} events say so"


def lines_of(seed: int) -> list[str]:
    """Return the lines of a whole journal."""
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as folder:
        process = weigh({}, Path(folder), seed)
        return process.journal.path.read_text(encoding="utf-8").splitlines()


def rehashed(line: str) -> str:
    """Return a line with a hash that fits its content, as somebody who changes it would."""
    e = json.loads(line)
    return json.dumps({**e, "hash": hash_of(e)})


def forgeries(lines: Sequence[str], seed: int) -> list[tuple[str, list[str]]]:
    """Tamper with a journal in eight ways."""
    at, last = 6 + seed % 5, len(lines) - 1

    def edited(n: int) -> str:
        changed = json.loads(lines[n])
        changed["d"]["by"] = {"kind": "person", "name": "somebody else"}
        return json.dumps(changed)

    return [
        ("an untouched journal", list(lines)),
        ("one whose content was changed", [*lines[:at], edited(at), *lines[at + 1 :]]),
        ("one from which a line was taken", [*lines[:at], *lines[at + 1 :]]),
        ("one whose content and hash were changed", [*lines[:at], rehashed(edited(at)), *lines[at + 1 :]]),
        ("one in which two lines were exchanged", [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]),
        ("one whose first line was changed", [edited(0), *lines[1:]]),
        ("one whose last line was changed", [*lines[:last], edited(last)]),
        ("one from which the first line was taken", [*lines[1:]]),
    ]


@ours
def first_broken(lines: Sequence[str]) -> int | None:
    """Return the 1-based number of the first line that breaks the chain, as the product finds it."""
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as folder:
        file = Path(folder) / "journal.jsonl"
        file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        try:
            read(file)
        except JournalTampered as error:
            return error.line
    return None


def hash_of(event: dict[str, Any]) -> str:
    """Return the hash that a line must have: over the hash before it, and its own content."""
    body = f'{event["prev"]}[{event["n"]},"{event["at"]}","{event["k"]}",{canonical(event["d"])}]'
    return sha256(body.encode()).hexdigest()


def judge_broken(attempt: Any, seed: int) -> str:
    """Look for forgeries and compare with the product."""
    broken = callable_or_wrong(attempt, "broken(lines)")
    hints = (3, 1, 2, 2, 2, 1, 1, 2)
    for (what, lines), hint in zip(forgeries(lines_of(seed), seed), hints, strict=True):
        true, mine = first_broken(lines), broken(list(lines))
        breaks = "breaks nowhere" if true is None else f"breaks first at line {true}"
        wrong_if(mine != true, f"{what} {breaks}, and yours says {mine!r}", hint)
    return "a change shows in its own line, or in the next one; only a new chain from there on would hide it"


def judge_capstone(attempt: Any, seed: int) -> str:
    """Run it: one answer, one approval by a person, and a notebook that runs without a model."""
    capstone = callable_or_wrong(attempt, "async capstone(folder)")
    if not inspect.iscoroutinefunction(capstone):
        raise Wrong("an async function is wanted: async def capstone(folder)", 1)
    with tempfile.TemporaryDirectory(prefix="llmos-lesson-") as folder:
        made = host.to_its_end(lambda: capstone(Path(folder)))
        process, notebook = made if isinstance(made, tuple | list) and len(made) == 2 else (made, None)
        if not isinstance(process, Process) or not isinstance(notebook, str | Path):
            raise Wrong(f"(process, notebook) is wanted, and it gave {made!r:.60}", 1)
        notebook = Path(notebook)
        _one_approval(process)
        _runs(notebook)
        _is_of(notebook, process)
    return f"answered “{process.answer}”, approved once by you, and {notebook.name} runs with no model"


def _one_approval(process: Process) -> None:
    waits = process.state == "waiting"
    told = f"the process is waiting for you, and nobody answers: {process.waits_for}"
    wrong_if(waits, f"{told}. process.approve() lets it go on, and it may ask again", 1)
    told = f"the process is {process.state}, {process.reason}: {process.detail}"
    wrong_if(process.reason != "answered", told, 1)
    decided = [e.body for e in process.events if isinstance(e.body, CallDecided)]
    yours = [b for b in decided if (b.by, b.what) == (YOU, "approve")]
    told = f"you approved {len(yours)} calls; exactly one is wanted, and the rest should not need you"
    wrong_if(len(yours) != 1, told, 2)


def _is_of(notebook: Path, process: Process) -> None:
    """Hold a notebook to the process: it has cells, and names the journal that it was made from."""
    book = json.loads(notebook.read_text(encoding="utf-8"))
    code = [c for c in book["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]
    wrong_if(not code, f"{notebook.name} has no code: a notebook of nothing runs, and proves nothing", 3)
    named = json.dumps(book["metadata"].get("llmos_nb", {}))
    heads = {e.hash for e in process.events}
    told = f"{notebook.name} does not name the journal of this process: it is no export of it"
    wrong_if(not any(head in named for head in heads), told, 3)


_BY_ITSELF = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
sys.modules["llmos_nb"] = None
cells = [c for c in json.load(open(sys.argv[1], encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
ip = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
for cell in cells:
    ip.run_cell("".join(cell["source"]), store_history=True).raise_error()
"""


def _runs(notebook: Path) -> None:
    """Run the code cells of a notebook in IPython alone, in its own folder."""
    wrong_if(not notebook.exists(), f"{notebook.name} is not there; export the process", 3)
    command = [sys.executable, "-c", _BY_ITSELF, str(notebook.absolute())]
    done = subprocess.run(  # noqa: S603 - the learner's own program
        command, cwd=notebook.parent, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Wrong(f"{notebook.name} does not run by itself, without llmos_nb: {last[0]}", 3)
