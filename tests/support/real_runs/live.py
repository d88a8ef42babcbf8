"""A scenario in a real kernel with the extension: its cells, its export, and what was there before."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from notebook_driver import Notebook, reply_to

from llmos_nb import errors
from real_runs.judge import Step, Value
from real_runs.scenario import LOOK, RESTART, Scenario

LOOKING = (Path(__file__).parent / "look.py").read_text("utf-8")
LONG_AGO = 1_700_000_000
CELL_S, EXPORT_S = 90, 180
OURS = frozenset(n for n, v in vars(errors).items() if isinstance(v, type))
_UNRUN = re.compile(r"not run|does not run|did not run|saved, not", re.IGNORECASE)


@dataclass
class Live:
    """What a live notebook left.

    Parameters
    ----------
    notebook : Path
        Where its export is.
    said, error : str
        What the export printed or raised.
    values : dict
        The asked-for ones.
    shown : dict
        By step of the exported processes that stood at the end, what it showed, as a cell does.
    read : dict
        By step, what the model was shown where that is another text.
    bare : set
        Those of them that leave no value.
    aside : dict
        What the steps bind besides, which the scenario does not ask for.
    answers : dict
        By exported process, the answer that it gave, where something in it was computed.
    """

    notebook: Path
    said: str = ""
    error: str = ""
    written: bool = False
    values: dict[str, Value] = field(default_factory=dict)
    shown: dict[Step, str | None] = field(default_factory=dict)
    read: dict[Step, str] = field(default_factory=dict)
    bare: set[Step] = field(default_factory=set)
    aside: dict[str, Value] = field(default_factory=dict)
    answers: dict[int, str] = field(default_factory=dict)


class NotAsPlanned(AssertionError):
    """A cell of a scenario did what the scenario does not say: the scenario is wrong, not the export."""


def live(scenario: Scenario, folder: Path) -> Live:
    """Run a scenario in `folder` / ``work`` and export it to `folder` / ``out``."""
    work = folder / "work"
    work.mkdir(parents=True)
    (folder / "out").mkdir()
    for name, text in scenario.files.items():
        _file(work / name, text)
    found = Live(folder / "out" / "run.ipynb")
    with Notebook(work) as book:
        _cells(book, scenario, work, found)
        if not found.values:
            _look(book, scenario, work, found)
        found.shown = {s.key: found.shown.get(s.key, s.shown) for s in steps(work, scenario.exported) if s.code}
        found.read = {s.key: s.read for s in steps(work, scenario.exported) if s.code and s.read}
        found.answers = dict(answers(work, scenario.exported))
        found.bare = {s.key for s in steps(work, scenario.exported) if s.code and leaves_nothing(s.code)}
        if scenario.export not in ("journal", "home"):
            ran = book.run(f"%agent export {_words(scenario)} {found.notebook.absolute()}", EXPORT_S)
            found.said, found.error = ran.error or ran.text, ran.error.partition(":")[0]
    if scenario.export in ("journal", "home"):
        _command(scenario, work, found)
    found.written = found.notebook.is_file() and not found.error and not _UNRUN.search(found.said)
    return found


def _words(scenario: Scenario) -> str:
    return scenario.export or str(scenario.exported[-1])


def _file(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (LONG_AGO, LONG_AGO))


def _cells(book: Notebook, scenario: Scenario, work: Path, found: Live) -> None:
    started = 0
    for cell in scenario.cells:
        if cell.code == LOOK:
            _look(book, scenario, work, found)
            continue
        if cell.code == RESTART:
            book.manager.restart_kernel(now=True)
            book.client.wait_for_ready(timeout=CELL_S)
            book.run("%load_ext llmos_nb")
            continue
        code = _AFTER.sub(lambda m: str(_position(work, int(m[1]), m[2])), cell.code)
        if cell.turns:
            started += 1
            code = code.replace("{spec}", _script(work, started, cell.turns))
        if code.startswith("%agent forget"):  # what it forgets is noted before
            found.shown |= {s.key: s.shown for s in steps(work, scenario.exported) if s.code}
        ran = book.run(code, CELL_S)
        if ran.error.partition(":")[0] not in cell.raises.split("|"):
            raise NotAsPlanned(f"{scenario.name}: {code[:200]!r} gives {ran.error or 'no error'}\n{ran.text[-800:]}")


_AFTER = re.compile(r"<after (\d+) (r\d+\.\d+)>")


def _position(work: Path, pid: int, call: str) -> int:
    """Return the number of the event at which a call was taken in, as a person reads it in the log."""
    (journal,) = (p for p in work.glob("**/.llmos/runs/*/journal.jsonl") if _pid(p) == pid)
    events = history(journal)
    ended = next(e["n"] for e in events if e["k"] == "call.finished" and e["d"]["call"] == call)
    after = next((e for e in events if e["n"] > ended and e["k"] in ("step.integrated", "model.requested")), None)
    return int(after["n"]) if after and after["k"] == "step.integrated" else int(ended)


def _script(work: Path, number: int, turns: Sequence[Any]) -> str:
    path = work / "models" / f"{number}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"version": 1, "turns": list(turns)}))
    return f"script:{path}"  # a cell may change the folder


def _look(book: Notebook, scenario: Scenario, work: Path, found: Live) -> None:
    """Take the digests of the asked-for names, by an expression that is no cell and leaves no name."""
    names = [*asked(scenario, work), *scenario.skip]
    call = f"(lambda g: (exec({LOOKING!r}, g), g['look'](get_ipython().user_ns, {names!r}))[1])({{}})"
    given = {"look": call}
    sent = book.client.execute("", silent=True, store_history=False, user_expressions=given)
    answer = reply_to(book.client, sent, CELL_S)["content"]["user_expressions"]["look"]
    if answer["status"] != "ok":
        raise NotAsPlanned(f"{scenario.name}: no look at the values: {answer}")
    values = values_of(ast.literal_eval(answer["data"]["text/plain"]))
    found.aside = {name: values.pop(name) for name in scenario.skip if name in values}
    found.values = values
    if lost := set(scenario.also) - set(found.values):
        raise NotAsPlanned(f"{scenario.name}: {lost} is not there")


def values_of(text: str) -> dict[str, Value]:
    """Read what `look` says."""
    return {name: Value(digest, whole) for name, (digest, whole, _) in json.loads(text).items()}


def asked(scenario: Scenario, work: Path) -> dict[str, None]:
    """Return the names that the standing steps of the exported processes bind, and those that are asked for besides."""
    found: dict[str, None] = {}
    for step in steps(work, scenario.exported):
        found |= dict.fromkeys(bound(step.code) if step.code else step.into)
    found |= dict.fromkeys(scenario.also)
    return {n: None for n in found if n not in scenario.skip}


def _command(scenario: Scenario, work: Path, found: Live) -> None:
    """Export by the `llmos` command, when the kernel is gone."""
    (journal,) = (p for p in work.glob("**/.llmos/runs/*/journal.jsonl") if _pid(p) == scenario.exported[-1])
    source = str(journal) if scenario.export == "journal" else str(work / ".llmos")
    command = [sys.executable, "-m", "llmos_nb.app.cli", "export", source, "../out/run.ipynb"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=EXPORT_S, check=False)
    found.said = done.stdout + done.stderr
    if done.returncode:
        found.error = "Traceback" if "Traceback" in done.stderr else "LlmosError"


# the journal, read as plain JSON


@dataclass
class Ran:
    """A call that ended well and stands."""

    key: Step
    code: str
    into: tuple[str, ...]
    shown: str | None
    read: str = ""


def _pid(journal: Path) -> int:
    return int(re.match(r"\d+-\d+-\d+-(\d+)", journal.parent.name)[1])  # type: ignore[index]


def steps(work: Path, pids: Sequence[int]) -> Iterator[Ran]:
    """Return the standing calls of some processes, in the order in which they ended."""
    for journal in sorted(work.glob("**/.llmos/runs/*/journal.jsonl"), key=_pid):
        if _pid(journal) in pids:
            yield from _standing(_pid(journal), history(journal))


def answers(work: Path, pids: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Return what was computed of the last answer of each process, but for what that changed, a value a line."""
    for journal in sorted(work.glob("**/.llmos/runs/*/journal.jsonl"), key=_pid):
        told = [e["d"]["values"] for e in history(journal) if e["k"] == "answer.computed"]
        if _pid(journal) in pids and told and (values := [v["text"] for v in told[-1] if not v.get("changes")]):
            yield _pid(journal), "\n".join(values)


def history(journal: Path) -> list[dict[str, Any]]:
    """Return a process's events, with those of the process that it was forked from before them."""
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    for d in (e["d"] for e in events if e["k"] == "call.finished" and isinstance(e["d"]["result"], dict)):
        beside = journal.parent / "blobs" / d["result"]["blob"]
        d["result"] = beside.read_text("utf-8") if beside.is_file() else ""
    parent = events[0]["d"].get("parent") or {}
    if "at" not in parent:
        return events
    (other,) = (p for p in journal.parents[1].glob("*/journal.jsonl") if _pid(p) == parent["pid"])
    return [*history(other)[: parent["at"] + 1], *events]


def _standing(pid: int, events: Sequence[dict[str, Any]]) -> Iterator[Ran]:
    arguments: dict[str, Any] = {}
    ended: dict[str, Ran] = {}
    responses, undone = 0, set()
    for event in events:
        kind, d = event["k"], event["d"]
        if kind == "model.responded":
            responses += 1
            arguments |= {f"r{responses}.{i}": (c["name"], c["arguments"]) for i, c in enumerate(d["calls"])}
        elif kind == "call.decided" and d["what"] == "edit":
            arguments[d["call"]] = (arguments[d["call"]][0], d["arguments"])
        elif kind == "call.finished" and d["ok"] and d["call"] in arguments:
            ended[d["call"]] = _ran(pid, d, *arguments[d["call"]])
        elif kind in ("call.undone", "call.redone"):
            (undone.add if kind == "call.undone" else undone.discard)(d["call"])
    yield from (ran for call, ran in ended.items() if call not in undone)


def _ran(pid: int, d: dict[str, Any], tool: str, given: dict[str, Any]) -> Ran:
    showed = d.get("facts", {}).get("size", d["size"]) and not d["result"].startswith("no output")
    code = str(given.get("code", "")) if tool == "python" else ""
    into = (given["into"],) if given.get("into") else ()
    shown, read = _with_pictures(d, as_cell := _as_a_cell(d)), _with_pictures(d, d["result"])
    return Ran((pid, d["call"]), code, into, shown if showed else None, read if as_cell != d["result"] else "")


def _with_pictures(d: dict[str, Any], text: str) -> str:
    """Return what a step showed without what its pictures are of."""
    text = re.sub(r"^(figure: .*|<Figure size .*>)$", "<picture>", text, flags=re.MULTILINE)
    for image in d.get("images", ()):  # as its object says it
        text = text.replace(image.get("text") or "<picture>", "<picture>", 1)
    return text


def _as_a_cell(d: dict[str, Any]) -> str:
    """Return what a step showed with each value in the form that a cell gives it, as the record has it beside it."""
    kinds, at, found = d.get("facts", {}).get("outputs") or (), 0, ""
    if not kinds or len(d["result"].encode()) != d["size"]:
        return str(d["result"])
    for _, size, *own in kinds:
        found += f"{own[0]}\n" if own and size else d["result"][at : at + size]
        at += size
    return found + d["result"][at:]


def bound(code: str) -> dict[str, None]:
    """Return the names that code binds or changes at its top, by its text."""
    lines = [re.sub(r"^(\s*)([%!].*)$", r"\1pass", line) for line in code.splitlines()]
    text = "\n".join("pass" if line.startswith("%%") else line for line in lines)
    found: dict[str, None] = {}
    try:
        tree = ast.parse(text, mode="exec", type_comments=False)
    except SyntaxError:  # `names = !ls`
        return dict.fromkeys(re.findall(r"^(\w+)\s*=[^=]", code, re.MULTILINE))
    for node in _outside_functions(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = None
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(base := _base(node), ast.Name):
                found[base.id] = None
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found[node.name] = None
    return {n: None for n in found if n != "_"}


def leaves_nothing(code: str) -> bool:
    """Return whether code binds no name and ends in no value, as far as its text tells."""
    try:
        last = ast.parse(code).body[-1]
    except (SyntaxError, IndexError):
        return False
    said = isinstance(last, ast.Expr) and not (
        isinstance(last.value, ast.Call) and isinstance(last.value.func, ast.Name) and last.value.func.id == "print"
    )
    return not said and not bound(code)


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    closed = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda | ast.GeneratorExp
    comprehension = ast.ListComp | ast.SetComp | ast.DictComp
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, closed | comprehension):
            yield from _outside_functions(child)


def _base(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node
