"""The notebook as a list of cells, and as the JSON that nbformat 4.5 asks for.

The JSON is made here, since importing nbformat can take two seconds, which a click on "Export" should not cost. It is
checked against nbformat's own schema.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.export import provenance
from llmos_nb.export.source import ExportSource
from llmos_nb.process import answers
from llmos_nb.tools import Call

FOLDED = (
    "environment",
    "comparison",
    "shapes",
    "told",
    "check",
    "evidence",
)  # what compares, and is not the work
HIDDEN = "hide-input"  # for Jupyter Book and others that fold by a tag


@dataclass
class Cell:
    """One cell of the notebook.

    Parameters
    ----------
    kind : {"code", "markdown", "raw"}
        As nbformat names it.
    role : str
        What it is there for: ``lock``, ``seeds``, ``inputs``, ``user``, ``step``, ``check``, ``evidence``, ``note`` …
    source : str
        Its text.
    about : dict
        More for its metadata.
    tags : list of str
        Jupyter's tags.
    outputs : list of dict
        nbformat outputs.
    """

    kind: str
    role: str
    source: str
    about: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def plain(self, name: str) -> dict[str, Any]:
        """Return the cell as nbformat has it."""
        metadata: dict[str, Any] = {"llmos_nb": {"role": self.role, **self.about}}
        if self.role in FOLDED:
            metadata |= {"jupyter": {"source_hidden": True}, "tags": [HIDDEN]}
        if self.tags:
            metadata["tags"] = self.tags
        made = {"cell_type": self.kind, "id": name, "metadata": metadata, "source": self.source.strip("\n")}
        return {**made, "execution_count": None, "outputs": self.outputs} if self.kind == "code" else made


def book_of(cells: list[Cell], metadata: dict[str, Any]) -> dict[str, Any]:
    """Make a notebook of cells; ids are plain words, the same for the same run."""
    used: dict[str, int] = {}
    made = [cell.plain(_id(cell, used)) for cell in cells]
    for count, cell in enumerate((c for c in made if c["cell_type"] == "code"), 1):
        cell["execution_count"] = count
        for output in (o for o in cell["outputs"] if "execution_count" in o):
            output["execution_count"] = count
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _id(cell: Cell, used: dict[str, int]) -> str:
    base = re.sub(r"[^a-zA-Z0-9-]+", "-", str(cell.about.get("call") or cell.role)).strip("-")[:40]
    base = f"{base}-note" if cell.kind == "markdown" and cell.about.get("call") else base
    base = f"{cell.about.get('call', 'answer').replace('.', '-')}-check" if cell.role == "check" else base
    used[base] = used.get(base, 0) + 1
    return base if used[base] == 1 else f"{base}-{used[base]}"


def text_of(value: Any) -> str:
    """Join what nbformat may store as a list of lines."""
    return "".join(value) if isinstance(value, list) else str(value)


def read(path: Path) -> dict[str, Any]:
    """Read a notebook file, and check it against nbformat's schema. Nothing of it is run.

    Raises
    ------
    LlmosError
        It is not there, not JSON, or not a notebook of nbformat 4.
    """
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(book, dict) or book.get("nbformat") != 4:
            raise ValueError("it is not a notebook of nbformat 4")
        _check()(book)
    except (OSError, ValueError) as error:
        raise LlmosError(f"{path}: cannot be opened as a notebook ({str(error).splitlines()[0]})") from error
    book["cells"] = [with_texts(c, joined) for c in book["cells"]]
    return book


def with_texts(plain: Mapping[str, Any], change: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Copy a cell or an output with each of its texts as ``change(type, text)`` gives it."""
    made = {**plain, **{k: change("text/plain", plain[k]) for k in ("source", "text") if k in plain}}
    if "data" in plain:
        made["data"] = {k: change(k, v) for k, v in plain["data"].items()}
    if "outputs" in plain:
        made["outputs"] = [with_texts(o, change) for o in plain["outputs"]]
    return made


def joined(_: str, value: Any) -> Any:
    """Join the lines of a text."""
    return text_of(value) if isinstance(value, list) else value


def _lined(kind: str, value: Any) -> Any:
    """Split a text into lines, so that a diff of two notebooks can be read."""
    return text_of(value).splitlines(keepends=True) if kind.startswith("text/") else value


def write(book: dict[str, Any], path: Path) -> Path:
    """Check a notebook against nbformat's schema and write it as nbformat does.

    Raises
    ------
    LlmosError
        It is not a notebook; nothing was written.
    """
    lined = {**book, "cells": [with_texts(c, _lined) for c in book["cells"]]}
    try:
        _check()(lined)
    except ValueError as error:
        raise LlmosError(f"{path}: the notebook would not be valid ({error})") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(lined, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


@cache
def _check() -> Any:
    import fastjsonschema  # comes with nbformat

    found = find_spec("nbformat")
    assert found is not None and found.origin is not None  # noqa: S101 - nbformat is a dependency
    schema = Path(found.origin).parent / "v4" / "nbformat.v4.5.schema.json"
    return fastjsonschema.compile(json.loads(schema.read_text(encoding="utf-8")), use_default=False)


_MARKUP = re.compile(r"([\\`*_\[\]!$#|~])")
_LONG = 600
_SHORT = 100  # characters of a title


def words(text: str, limit: int = _LONG) -> str:
    """Return text on one line with everything escaped that Markdown or HTML would act on."""
    flat = " ".join(str(text).split())
    flat = flat if len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…"
    return _MARKUP.sub(r"\\\1", html.escape(flat, quote=False))


def head(runs: list[ExportSource]) -> str:
    """Return the title, the goals that it does not say, and how the notebook came about."""
    title = words(runs[0].name or runs[0].goal, 120)
    goals = [words(run.goal) for run in runs]
    told = [
        f"{goal}\n\n{course(run)}" if goal != title else course(run)
        for run, goal in zip(runs, goals, strict=True)
    ]
    below = (
        "It needs no model. Short cells behind the steps compare what they give with what they gave in the run."
    )
    return "\n\n".join([f"# {title}", *told, below])


def course(run: ExportSource) -> str:
    """Return model, day, mode and end of a process."""
    s = run.state
    ended = f"ended: {s.reason}" if s.status == "ended" else s.status
    mode = run.settings.get("approve", s.mode)
    on = f" on {run.events[0].at[:10]}" if run.events else ""
    who = f"process {run.pid} of {words(run.model or 'a model')}"
    return f"Made by {who}{on} (approvals: {words(str(mode))}; {ended})."


def step(call: Call, run: ExportSource, first: bool, unchecked: Sequence[str] = (), titled: bool = True) -> str:
    """Return the note over a step's code.

    Parameters
    ----------
    call : Call
        The call.
    run : ExportSource
        Its process.
    first : bool
        It is the first one of its step of the plan.
    unchecked : sequence of str
        What of it nothing compares; it stands last, since the journal does not say it.
    titled : bool
        A short why is the title of a call outside a plan; it was not in earlier versions.

    Returns
    -------
    str
        Title, why the model did it, who proposed, edited and approved it, what was expected and seen.
    """
    s = run.state
    planned = next((p for p in s.plan.steps if p.n == call.step), None)
    lines: list[str] = []
    said = provenance.why(call, run)
    if planned is not None and first:
        lines += [f"## Step {planned.n}: {words(planned.title, 160)}", ""]
        lines += [f"- Expected: {words(planned.expect)}"] if planned.expect else []
        lines += [not_so(s.missed[planned.n])] if planned.n in s.missed else []
    elif planned is None:
        short = titled and said and len(said) <= _SHORT and not _comment(call)
        lines += [f"## {words(said if short else title(call), 160)}", ""]
        said = "" if short else said
    lines += [f"- Why: {words(said)}"] if said else []
    lines.append(
        f"- `{words(call.name)}`, call {words(call.id)}: {words('; '.join(provenance.story(call, run)))}"
    )
    if call.name != "python" and call.result.strip():  # what Python shows stands under its cell
        lines.append(f"- Seen: {words(call.result, 200)}")
    lines += [f"- Not checked: {words(what, 200)}" for what in unchecked]
    return "\n".join(lines)


NOT_SO = "- Not as expected: "


def not_so(expression: str) -> str:
    """Return the line that says that what a step expected was evaluated and false."""
    return f"{NOT_SO}{words(expression)} was false"


def title(call: Call) -> str:
    """Return what a call outside a plan is called: by its first comment."""
    return _comment(call) or f"Call {call.id}: {call.name}"


def _comment(call: Call) -> str:
    comment = re.match(r"\s*#\s*(.+)", call.code)
    return comment[1] if comment else ""


def answer_words(run: ExportSource) -> str:
    """Return the answer as the process gave it."""
    said = "\n".join(f"> {words(line)}" for line in (run.state.answer or "").splitlines() if line.strip())
    return f"## The answer, in the model's words\n\n{said}"


NUMBERS = "Its numbers: "


def answer_cell(run: ExportSource) -> Cell:
    """Return the cell that says an answer and how its numbers are known."""
    return Cell("markdown", "answer", answer(run), {"pid": run.pid})


def answer(run: ExportSource) -> str:
    """Return the answer, how its numbers are known, in counts, and which of them are not computed again."""
    known = answers.counted(answers.numbers(run.state))
    lines = [f"- Not computed again: {words(code)}: {why}." for code, why in not_again(run).items()]
    parts = [answer_words(run), *([f"{NUMBERS}{known}."] if known else []), "\n".join(lines)]
    return "\n\n".join(filter(None, parts))


def not_again(run: ExportSource) -> dict[str, str]:
    """Return by their code the expressions of an answer that are not evaluated again, each with why."""
    return {
        v["code"]: f"computing it changes {', '.join(v['changes'])}, so it stands as it was told in the run"
        for v in run.state.computed or ()
        if v.get("changes")
    }


KEPT = ("image/png", "image/jpeg")
LOOSE = "nbval-ignore-output"  # for outputs that a second run need not repeat
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def tidy(text: str) -> str:
    """Return text as it stood on the screen in the end: without colours, and lines that were overwritten."""
    plain = _COLOURS.sub("", text.replace("\r\n", "\n"))
    if "\r" not in plain:
        return plain
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in plain.split("\n"))


def whole(outputs: Iterable[Any]) -> list[Any]:
    """Join the pieces of a stream that follow one another: where a kernel cut it into messages is chance."""
    made: list[Any] = []
    for output in outputs:
        if made and output["output_type"] == "stream" and output["name"] == made[-1].get("name"):
            made[-1] = {**made[-1], "text": made[-1]["text"] + output["text"]}
        else:
            made.append(output)
    return made


def plain_output(output: Any) -> dict[str, Any] | None:
    """Return an output that a kernel sent as plain text and pictures; None for what only a browser shows."""
    kind = output["output_type"]
    if kind == "stream":
        return {"output_type": kind, "name": output["name"], "text": tidy(output["text"])}
    if kind == "error":
        return {"output_type": kind, "ename": output["ename"], "evalue": output["evalue"], "traceback": []}
    data = {k: v for k, v in output["data"].items() if k == "text/plain" or k in KEPT}
    if not data:
        return None
    made = {"output_type": kind, "data": data, "metadata": {}}
    return {**made, "execution_count": output.get("execution_count")} if kind == "execute_result" else made
