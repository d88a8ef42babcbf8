"""What an export was worth: the same, refused, too thin, different and said so, different and not said, or an error.

Where a step has nothing that comes out the same again, the file and verify may say that and why: "said". That counts
only where something of it really is another one in the new kernel; a step that was called unrepeatable for nothing is thin.

Written before the first outcome was looked at. It knows nothing of how the product compares.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

CLASSES = ("same", "said", "refused", "thin", "differs", "SILENT", "raised")
_CELL = re.compile(r"\bcell\b|\br\d+\.\d+\b|\br\d+-\d+\b|\bstep \d+\b|\bIn ?\[\d+\]|\[\d+\]", re.IGNORECASE)
_TOP = "same twice"
Step = tuple[int, str]


@dataclass(frozen=True)
class Value:
    """A value as the oracle sees it: its digest, and whether that covers more than its type."""

    digest: str
    whole: bool = True


@dataclass
class Seen:
    """All that is known of one scenario's export.

    Parameters
    ----------
    said, error : str
        What the export printed or raised, and the error's name; the name is empty where it raised nothing.
    ours : bool
        Whether that error is one of the package's own, which speak to a person.
    written : bool
        Whether there is a file, and nothing said that it does not run.
    live, again : mapping
        The asked-for values of the live notebook, and of the exported one run in a new kernel.
    failed : str
        The cell and the error where the exported notebook does not run.
    shown, shown_again : mapping
        By process and call, the text that a step showed when it ran and in the new kernel; None for nothing.
    read : mapping
        By step, what the model was shown where that is another text than a cell shows.
    read_said : set
        Steps of which both the notebook and verify's report say so.
    unchecked : set of str
        Names of which the notebook itself says that they are not compared.
    varying : set
        Steps of whose outputs the notebook itself says that they vary.
    aside, aside_again : mapping
        Values that nobody asks for, which the steps bind besides: as `live` and `again`.
    stderr : mapping
        By step, what stands in the notebook as written to stderr, where it says that this is not compared.
    clock : mapping
        By step, where the notebook quotes lines of its output as readings of the clock.
    left : set
        Steps of which both the notebook and verify's report say what of them is not compared, and why.
    bare : set
        Steps whose code binds no name and ends in no value, so that there is none to be compared.
    answers, answers_again : mapping
        By process, an answer with something computed in it, and what the cell shows that computes it again.
    answers_free : set of int
        Processes of whose answers the notebook says that they are not the same each time, and why.
    outputs, values : mapping
        By step, how many outputs and values stand in the notebook to be compared.
    report : mapping, optional
        What ``llmos verify --json`` printed; None where that was no report.
    verified : str
        What it printed otherwise.
    """

    said: str = ""
    error: str = ""
    ours: bool = False
    written: bool = False
    live: Mapping[str, Value] = field(default_factory=dict)
    again: Mapping[str, Value] = field(default_factory=dict)
    failed: str = ""
    shown: Mapping[Step, str | None] = field(default_factory=dict)
    shown_again: Mapping[Step, str | None] = field(default_factory=dict)
    read: Mapping[Step, str] = field(default_factory=dict)
    read_said: AbstractSet[Step] = frozenset()
    unchecked: AbstractSet[str] = frozenset()
    varying: AbstractSet[Step] = frozenset()
    aside: Mapping[str, Value] = field(default_factory=dict)
    aside_again: Mapping[str, Value] = field(default_factory=dict)
    stderr: Mapping[Step, str] = field(default_factory=dict)
    clock: Mapping[Step, str] = field(default_factory=dict)
    left: AbstractSet[Step] = frozenset()
    bare: AbstractSet[Step] = frozenset()
    answers: Mapping[int, str] = field(default_factory=dict)
    answers_again: Mapping[int, str] = field(default_factory=dict)
    answers_free: AbstractSet[int] = frozenset()
    outputs: Mapping[Step, int] = field(default_factory=dict)
    values: Mapping[Step, int] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None
    verified: str = ""


@dataclass(frozen=True)
class Verdict:
    """A class out of `CLASSES`, and why."""

    kind: str
    why: str = ""


def judge(seen: Seen) -> Verdict:
    """Return what an export was worth."""
    if not seen.written:
        return _unwritten(seen)
    if seen.failed:
        return Verdict("SILENT", f"written, but it does not run: {seen.failed}")
    if seen.report is None:
        return Verdict("raised", f"verify: {_line(seen.verified)}")
    if not seen.report["ok"]:
        return _refuted(seen, seen.report)
    if seen.report["reached"] != _TOP:
        return Verdict("raised", f"verify is content with {seen.report['reached']!r}")
    if wrong := [*_values_apart(seen), *_outputs_apart(seen), *_answers_apart(seen), *_read_apart(seen)]:
        return Verdict("SILENT", "; ".join(wrong))
    return _compared(seen, Verdict("same"))


def _compared(seen: Seen, best: Verdict) -> Verdict:
    """Return the best verdict, unless too little was compared: with a good reason that is said, or without."""
    thin, excused = _thin(seen)
    thin += [
        f"the answer of process {pid} called unrepeatable, and came out the same"
        for pid in seen.answers_free
        if same_text(seen.answers.get(pid), seen.answers_again.get(pid))
    ]
    if excused and not thin and not _moves(seen, excused):
        thin = [f"{_names(excused)} called unrepeatable, and came out the same"]
    if thin:
        return Verdict("thin", best.why or "; ".join(thin))
    return Verdict("said", f"{_names(excused)}: not compared, and why") if excused else best


def _names(steps: list[Step]) -> str:
    return ", ".join(f"{call} of process {pid}" for pid, call in steps)


def _unwritten(seen: Seen) -> Verdict:
    if seen.error and not seen.ours:
        return Verdict("raised", f"{seen.error}: {_line(seen.said)}")
    if _says_where(seen.said):
        return Verdict("refused", _line(seen.said))
    return Verdict("raised", f"refused without the cell or the reason: {_line(seen.said)}")


def _refuted(seen: Seen, report: Mapping[str, Any]) -> Verdict:
    """Sort what verify did not let pass: nothing to compare, other results, or no look at them."""
    if report["exit_code"] == 4:
        return _compared(seen, Verdict("thin", "verify found nothing to compare"))
    found = report["differences"]
    said = f"{found[0]['where']}: {found[0]['what']}" if found else "no place named"
    if report["exit_code"] == 1:
        return Verdict("differs", _line(said))
    if found and _says_where(said):
        return Verdict("refused", f"verify: {_line(said)}")
    return Verdict("raised", f"verify gives {report['exit_code']}: {_line(said)}")


def _says_where(text: str) -> bool:
    """Return whether a text names a cell, and says more than that."""
    found = _CELL.search(text)
    return found is not None and len(re.findall(r"[A-Za-z]{2,}", text)) >= 4


def _values_apart(seen: Seen) -> list[str]:
    """Say which values are others, or not there, with no word of that in the notebook."""
    found = []
    for name, value in seen.live.items():
        other = seen.again.get(name)
        if other != value and name not in seen.unchecked:
            found.append(f"`{name}` is another" if other else f"`{name}` is not there")
    return found


def _outputs_apart(seen: Seen) -> list[str]:
    """Say which steps show something else, with no word of that in the notebook."""
    return [
        f"{call} of process {pid} shows {_line(other or 'nothing')!r}, not {_line(text or 'nothing')!r}"
        for (pid, call), text in seen.shown.items()
        if (pid, call) in seen.shown_again and (pid, call) not in seen.varying
        for other in [seen.shown_again[pid, call]]
        if not same_text(_said_of((pid, call), text, seen), other)
    ]


def _answers_apart(seen: Seen) -> list[str]:
    """Say which answers come out otherwise where they are computed again, with no word of that in the notebook."""
    return [
        f"the answer of process {pid} is {_line(again)!r}, not {_line(seen.answers.get(pid, ''))!r}"
        for pid, again in seen.answers_again.items()
        if pid not in seen.answers_free and not same_text(seen.answers.get(pid), again)
    ]


def _read_apart(seen: Seen) -> list[str]:
    """Say which steps the model read in other words than their cell shows, with no word of that in the notebook."""
    return [
        f"the model read {call} of process {pid} in other words"
        for (pid, call), text in seen.read.items()
        if (pid, call) not in seen.read_said and _words(text) != _words(seen.shown.get((pid, call)))
    ]


def _words(text: str | None) -> Counter[str]:
    """Return the words of a text, each as often as it stands there."""
    return Counter(re.findall(r"\w+", text or ""))


def _said_of(step: Step, text: str | None, seen: Seen) -> str | None:
    """Return an output without what the notebook says is not compared: readings of the clock, and stderr."""
    text = _timeless(text, seen.clock.get(step, ""))
    for line in filter(str.strip, seen.stderr.get(step, "").splitlines()):
        text = (text or "").replace(line, "", 1) or None
    return text


def _timeless(text: str | None, clock: str) -> str | None:
    """Return an output without the lines that the notebook quotes as readings of the clock."""
    if text is None or not clock:
        return text
    quoted = set(clock.partition("(")[2].removesuffix(")").split("; "))
    return "\n".join(line for line in text.splitlines() if line.strip() not in quoted) or None


def _thin(seen: Seen) -> tuple[list[str], list[Step]]:
    """Say of which steps too little was compared, by what stands in the notebook and by verify's own count.

    A step that shows nothing owes no output, and one that leaves no value owes none. The second list are the steps that
    owe something of which file and report say why it cannot be compared.
    """
    found, excused, owed = [], list[Step](), [0, 0]
    for step, text in seen.shown.items():
        outputs, values = seen.outputs.get(step, 0), seen.values.get(step, 0)
        owes = bool((_said_of(step, text, seen) or "").strip()), step not in seen.bare
        if (owes[0] and not outputs) or (owes[1] and not values):
            if step in seen.left:
                excused.append(step)
                continue
            found.append(f"{step[1]} of process {step[0]}: {outputs} outputs, {values} values")
        owed = [n + one for n, one in zip(owed, owes, strict=True)]
    outputs, values = counted(seen.report or {})
    if outputs < owed[0] or values < owed[1]:
        found.append(f"verify compared {outputs} outputs and {values} values of {len(seen.shown)} steps")
    if not excused and not any(v.whole for n, v in seen.live.items() if n not in seen.unchecked):
        found.append("no asked-for value is one that the notebook checks")
    return found, excused


def _moves(seen: Seen, excused: list[Step]) -> bool:
    """Return whether something that the notebook does not compare really is another in the new kernel."""
    shown = any(not same_text(seen.shown[step], seen.shown_again.get(step)) for step in excused)
    aside = any(seen.aside_again.get(name) != value for name, value in seen.aside.items())
    return shown or aside or any(seen.again.get(n) != v for n, v in seen.live.items() if n in seen.unchecked)


def counted(report: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many outputs and values verify says it compared with what was exported."""
    rung = next((r for r in report.get("levels", ()) if r["level"] == "same"), {})
    counts = {**rung, **(rung.get("counts") or {})}
    words = {k: int(n) for n, k in re.findall(r"(\d+) (output|value)s?\b", str(rung.get("detail", "")))}
    given = (counts.get(f"{k}s") for k in ("output", "value"))
    outputs, values = (
        int(n) if n is not None else words.get(k, 0) for n, k in zip(given, ("output", "value"), strict=True)
    )
    return outputs, max(values, int(counts.get("assertions") or 0))  # each is over a value of the run


_ADDRESS, _ANSI = re.compile(r"\b0x[0-9a-fA-F]{6,}|/tmp/ipykernel_\d+/\d+"), re.compile(r"\x1b\[[0-9;]*m")
_FLOAT = re.compile(r"(?<![\w.])-?\d+\.\d*(?:[eE][-+]?\d+)?|(?<![\w.])-?\d+[eE][-+]?\d+")


def same_text(one: str | None, other: str | None) -> bool:
    """Return whether two outputs say the same: spaces, colours, addresses, the tenth digit and a set's order aside."""
    if plain_text(one) == plain_text(other):
        return True
    try:
        return bool(ast.literal_eval(one or "") == ast.literal_eval(other or ""))
    except (ValueError, SyntaxError, TypeError):
        return False


def plain_text(text: str | None) -> str:
    """Return an output without what does not count."""
    text = _ADDRESS.sub("0x", _ANSI.sub("", text or ""))
    text = _FLOAT.sub(lambda m: format(float(m[0]), ".9g"), text)
    return re.sub(r"\s+", "", text)


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
