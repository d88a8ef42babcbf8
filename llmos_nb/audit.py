"""Who approved what: every decision of a journal as a row, found by its events alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llmos_nb.chain import Event, history, read
from llmos_nb.errors import UsageError
from llmos_nb.home import Home, pid_of
from llmos_nb.views import text

SHORT = 12
HEADS = ("pid", "n", "at", "what", "of", "by", "digest", "arguments", "why")
_SHOWN = 60


@dataclass(frozen=True)
class Decision:
    """One decision.

    Parameters
    ----------
    pid, n : int
        The process, and the event's place in its journal.
    at : str
        ISO 8601 time.
    what : str
        ``approve, edit, reject, skip, allow, deny, resolve, answer, budget, stale, forget``.
    of : str
        What was decided: a call and its tool, a plan, a rule.
    by : str
        Who: ``you`` or a name, ``mode:…``, ``rule:N``, ``plan``, or a check of the gate.
    digest : str
        Beginning of the digest that a call's decision is bound to.
    arguments : dict or str, optional
        Those of the call, as they were decided.
    why : str
        The reason given.
    """

    pid: int
    n: int
    at: str
    what: str
    of: str
    by: str
    digest: str = ""
    arguments: Any = None
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


class _Reader:
    """Reads events in order; knows each call by what was proposed of it last."""

    def __init__(self) -> None:
        self.pid = self.responses = 0
        self.calls: dict[str, tuple[str, Any]] = {}

    def heard(self, e: Event) -> Decision | None:
        """Take an event in, and give its decision where it is one."""
        if e.k == "run.started":
            self.pid = int(e.d.get("pid", 0))
        elif e.k == "model.responded":
            self.responses += 1
            for i, call in enumerate(e.d["calls"]):
                self.calls[f"r{self.responses}.{i}"] = (call["name"], call["arguments"])
        say = _SAY.get(e.k)
        found = say(self, e) if say is not None else None
        by = str(e.d.get("by", ""))
        return None if found is None else Decision(self.pid, e.n, e.at, by=by, **found)

    def call(self, key: str) -> str:
        """Name a call with its tool."""
        return f"{key} {self.calls[key][0]}" if key in self.calls else key


def _call_decided(r: _Reader, e: Event) -> dict[str, Any]:
    key = e.d["call"]
    name, arguments = r.calls.get(key, ("", None))
    arguments = e.d.get("arguments", arguments)
    r.calls[key] = (name, arguments)
    digest = str(e.d.get("digest", ""))[:SHORT]
    return {
        "what": e.d["what"],
        "of": r.call(key),
        "digest": digest,
        "arguments": arguments,
        "why": e.d.get("why", ""),
    }


def _plan_decided(r: _Reader, e: Event) -> dict[str, Any]:
    envelope = e.d.get("envelope") or None
    return {
        "what": e.d["what"],
        "of": f"plan {e.d['version']}",
        "arguments": envelope,
        "why": e.d.get("why", ""),
    }


def _rule(r: _Reader, e: Event) -> dict[str, Any]:
    if e.d.get("revoke") is not None:
        return {"what": "revoke", "of": f"rule {int(e.d['revoke']) + 1}"}
    rule = dict(e.d["rule"])
    return {"what": str(rule.get("do", "")), "of": f"rule for {rule.get('tool', '*')}", "arguments": rule}


def _signal(r: _Reader, e: Event) -> dict[str, Any] | None:
    d, signal = e.d, str(e.d["signal"])
    if signal == "stale_approval":
        return {
            "what": "stale",
            "of": r.call(str(d.get("call", ""))),
            "digest": str(d.get("digest", ""))[:SHORT],
        }
    if signal == "approve_step":
        return {"what": "approve", "of": f"step {d['step']}"}
    if signal == "budget":
        return {"what": "budget", "of": "the process", "arguments": d["amounts"]}
    return {"what": "forget", "of": r.call(str(d["call"]))} if signal == "forget" else None


_SAY: dict[str, Callable[[_Reader, Event], dict[str, Any] | None]] = {
    "call.decided": _call_decided,
    "plan.decided": _plan_decided,
    "policy.changed": _rule,
    "signal.received": _signal,
    "call.resolved": lambda r, e: {
        "what": "resolve", "of": r.call(e.d["call"]), "why": "it was done" if e.d["done"] else "it runs again"
    },
    "question.answered": lambda r, e: {"what": "answer", "of": r.call(e.d["question"]), "why": e.d["text"]},
}  # fmt: skip


def decisions(events: Iterable[Event], by: str = "") -> list[Decision]:
    """Give every decision, in order.

    Parameters
    ----------
    events : iterable of Event
        A whole history: of a fork with what came before it.
    by : str
        Only these: ``you``, a name, or a kind such as ``mode`` or ``rule``.
    """
    reader = _Reader()
    found = [d for d in map(reader.heard, events) if d is not None]
    return [d for d in found if not by or by in (d.by, d.by.partition(":")[0])]


def runs(home: Home) -> Iterator[Path]:
    """Give the journals of a home, in the order of their pids."""
    yield from sorted(home.runs.glob("*/journal.jsonl"), key=lambda path: (pid_of(path.parent.name), path))


def all_decisions(home: Home, by: str = "") -> list[Decision]:
    """Give the decisions of all runs of a home; what a fork shares with its parent stands once."""
    found: dict[tuple[int, int], Decision] = {}
    for path in runs(home):
        events = read(path)
        if events:
            found |= {(d.pid, d.n): d for d in decisions(history(events, path), by)}
    return sorted(found.values(), key=lambda d: (d.at, d.pid, d.n))


def shown(found: Sequence[Decision]) -> str:
    """Give decisions as a table."""
    rows = [
        [
            d.pid,
            d.n,
            d.at[:19].replace("T", " "),
            d.what,
            d.of,
            d.by,
            d.digest,
            _short(d.arguments),
            d.why[:_SHOWN],
        ]
        for d in found
    ]
    return text.table(rows, HEADS, width=160) if rows else "no decisions"


def _short(arguments: Any) -> str:
    said = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
    return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"


def find(where: str, home: Home) -> Path:
    """Give the journal that a word names: a file, the folder of a run, or a pid of the home.

    Raises
    ------
    UsageError
        There is none.
    """
    path = Path(where)
    if path.is_dir():
        path = path / "journal.jsonl"
    if not path.exists() and where.isdecimal():
        folder = home.find(int(where))
        if folder is None:
            raise UsageError(f"process {where}: {home.root} has none of this number")
        path = folder / "journal.jsonl"
    return path
