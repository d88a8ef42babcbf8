"""Who approved what: every decision of a journal as a row, found by its events alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from llmos_nb.errors import JournalError, UsageError
from llmos_nb.journal import (
    Event,
    Glance,
    Home,
    events as ev,
    history,
    last_known,
    lineage,
    lost_values,
    missing_payloads,
    pid_of,
    read,
    scan,
)
from llmos_nb.policy.secrets import vault
from llmos_nb.process import saved
from llmos_nb.views.report import Grid, Report, words
from llmos_nb.views.spans import export as trace_file
from llmos_nb.views.text.tables import logged, told
from llmos_nb.views.wording import count, phrase, resolved, visible

SHORT = 12
HEADS = ("pid", "n", "at", "what", "of", "by", "digest", "arguments", "why")
VALUES = 8  # of those that cannot be read
SAID = 300  # characters of arguments and of a reason; the whole is in the JSON


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
    by : Decider
        Who.
    digest : str
        Beginning of the digest that a call's decision is bound to.
    arguments : dict or str, optional
        Those of the call, as they were decided.
    why : str
        The reason given.
    via : str
        Where a person said so: ``terminal`` or ``HTTP``; empty for a notebook, and for what was not recorded.
    """

    pid: int
    n: int
    at: str
    what: str
    of: str
    by: ev.Decider
    digest: str = ""
    arguments: Any = None
    why: str = ""
    via: str = ""


_HEARD = frozenset(c.kind for c in (
    ev.RunStarted, ev.ModelResponded, ev.CallDecided, ev.PlanDecided, ev.PolicyChanged, ev.CallResolved,
    ev.QuestionAnswered, ev.EffectDecided, ev.SignalReceived, ev.ActUsed,
))  # fmt: skip  # of the other events not even the data is read


def decisions(events: Iterable[Event], by: str = "") -> list[Decision]:
    """Return every decision, in order.

    Parameters
    ----------
    events : iterable of Event
        A whole history: of a fork with what came before it.
    by : str
        Only these: ``you``, a name, or a kind such as ``mode`` or ``rule``.
    """
    found = list(events)
    via = _given(found)
    made = (replace(d, via=via.get(d.n, "")) for d in _decisions(found))
    return [d for d in made if not by or by in (d.by.name, d.by.kind)]


def _given(events: Sequence[Event]) -> dict[int, str]:
    """Return where decisions were given that came by a command: each follows it at once, and is on what it names."""
    found: dict[int, str] = {}
    command: ev.SignalReceived | None = None
    for e in events:
        match e.body if e.k in _HEARD else None:
            case ev.SignalReceived(signal="command", why=str()) as command:
                continue
            case ev.ActUsed():
                continue
            case ev.CallDecided() | ev.CallResolved() | ev.SignalReceived(signal="stale_approval") as b:
                key = b.call
            case ev.EffectDecided() as b:
                key = b.question
            case ev.PlanDecided() as b:
                key = f"plan:{b.version}"
            case ev.SignalReceived(signal="approve_step") as b:
                key = f"step:{b.step}"
            case _:
                command = None
                continue
        if command is not None and key in (command.call or "").split():
            found[e.n] = command.why or ""
        else:
            command = None
    return found


def _decisions(events: Iterable[Event]) -> Iterator[Decision]:  # noqa: C901, PLR0912 - one a kind
    pid = answers = 0
    calls: dict[str, tuple[str, Any]] = {}  # tool and arguments, as proposed or edited last

    def of(call: str | None) -> str:
        return f"{call} {calls[call][0]}" if call in calls else call or ""

    for e in (e for e in events if e.k in _HEARD):
        made = partial(Decision, pid, e.n, e.at, by=getattr(e.body, "by", ev.NO_ONE))
        match e.body:
            case ev.RunStarted() as b:
                pid = b.pid
            case ev.ModelResponded() as b:
                answers += 1
                calls |= {f"r{answers}.{i}": (c["name"], c["arguments"]) for i, c in enumerate(b.calls)}
            case ev.CallDecided() as b:
                name, given = calls.get(b.call, ("", None))
                given = given if b.arguments is None else b.arguments
                calls[b.call] = (name, given)
                yield made(b.what, of(b.call), digest=b.digest[:SHORT], arguments=given, why=b.why)
            case ev.PlanDecided() as b:
                yield made(b.what, f"plan {b.version}", arguments=b.envelope or None, why=b.why)
            case ev.PolicyChanged(revoke=int(rule)):
                yield made("revoke", f"rule {rule + 1}")
            case ev.PolicyChanged(rule=rule):
                yield made(str(rule.get("do", "")), f"rule for {rule.get('tool', '*')}", arguments=rule)
            case ev.CallResolved() as b:
                yield made("resolve", of(b.call), why=f"it {resolved(b)}")
            case ev.QuestionAnswered() as b:
                yield made("answer", of(b.question), why=b.text)
            case ev.EffectDecided() as b:
                scope = " for this process" if b.scope == "process" else ""
                yield made(f"{b.what}{scope}", f"{of(b.call)}: {' '.join(b.effect)}", why=b.why)
            case ev.SignalReceived(signal="stale_approval") as b:
                yield made("stale", of(b.call), digest=(b.digest or "")[:SHORT])
            case ev.SignalReceived(signal="approve_step") as b:
                yield made("approve", f"step {b.step}")
            case ev.SignalReceived(signal="budget") as b:
                yield made("budget", "the process", arguments=b.amounts)
            case ev.SignalReceived(signal="forget") as b:
                yield made("forget", of(b.call))


def runs(home: Home) -> Iterator[Path]:
    """Return the journals of a home, in the order of their pids."""
    yield from sorted(home.runs.glob("*/journal.jsonl"), key=lambda path: (pid_of(path.parent.name), path))


def all_decisions(home: Home, by: str = "") -> list[Decision]:
    """Return the decisions of all runs of a home; what a fork shares with its parent stands once."""
    found: dict[tuple[int, int], Decision] = {}
    for path in runs(home):
        events = scan(path)[0]
        if events:
            found |= {(d.pid, d.n): d for d in decisions(history(events, path), by)}
    return sorted(found.values(), key=lambda d: (d.at, d.pid, d.n))


def shown(found: Sequence[Decision]) -> Report:
    """Return decisions as a table."""
    plain = [
        {**vars(d), "at": d.at[:19].replace("T", " "), "arguments": _said(d.arguments)}
        | {"by": d.by.describe() + (f" ({d.via})" if d.via else "")}
        for d in found
    ]
    rows = [[phrase(str(d[k]), SAID) if k in ("arguments", "why") else d[k] for k in HEADS] for d in plain]
    grid = Grid("Who decided what", HEADS, vault.plain(rows), frozenset({"pid", "n"}), none="no decisions", width=160)
    return Report("", [grid])


def _said(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""


def _listed(events: Sequence[Event], since: int) -> Report:
    """Return a journal from an event on as a table, and as the lines of a terminal."""
    pairs = told(events, since)
    errors = {"e": "error", "h": "you decided"}
    rows = [[e.n, e.at[11:23], e.k, t["t"], errors.get(t.get("mark", ""), "")] for e, t in pairs]
    heads = ("event", "time", "kind", "what", "mark")
    grid = Grid("Events", heads, vault.plain(rows), frozenset({"event"}))
    return Report("", [grid], vault.redact(logged(pairs)))


def find(where: str, home: Home) -> Path:
    """Return the journal that a word names: a file, the folder of a run, or a pid of the home.

    Raises
    ------
    UsageError
        There is none.
    """
    path = Path(where)
    if not path.exists() and where.isdecimal():
        if (folder := home.find(int(where))) is None:
            raise UsageError(f"process {where}: {home.root} has none of this number")
        path = folder
    return path / "journal.jsonl" if path.is_dir() else path


HEAD = 16
SHOWN = 200  # events of a journal; the earlier ones by `--since`


@dataclass(frozen=True)
class Wanted:
    """What is to be printed.

    Parameters
    ----------
    verify : bool
        Only whether the chains hold.
    decisions : bool
        Who approved what.
    by : str
        Only the decisions of one.
    json : bool
        One JSON object a line.
    spans : str
        The file that OpenTelemetry spans are written to.
    since : int, optional
        The first event that is printed; without it the last `SHOWN`, as JSON all.
    """

    verify: bool = False
    decisions: bool = False
    by: str = ""
    json: bool = False
    spans: str = ""
    since: int | None = None

    def __post_init__(self) -> None:
        if sum((self.verify, self.decisions or bool(self.by), bool(self.spans))) > 1:
            raise UsageError("log: --verify, --decisions and --spans: one of them at a time")


Told = str | Report


def text(told: Told) -> str:
    """Return what is said as text for a terminal."""
    return told if isinstance(told, str) else words(told)


def of_one(wanted: Wanted, path: Path, events: Sequence[Event] | None = None) -> Iterator[Told]:
    """Return what is said of one journal, tables as reports; `events` where they are at hand."""
    vault.learn()  # a secret may have been learnt of after the journal was written
    if wanted.verify:
        yield _proof(path)
        return
    own = list(scan(path)[0] if events is None else events)
    if wanted.spans:
        yield trace_file.write(Path(wanted.spans), [history(own, path)])
    elif wanted.decisions or wanted.by:
        yield from _decided(wanted, decisions(history(own, path), wanted.by))
    elif wanted.json:
        yield from (_line({"n": e.n, "at": e.at, "k": e.k, "d": e.d}) for e in own[max(wanted.since or 0, 0) :])
    else:
        since = max(len(own) - SHOWN if wanted.since is None else wanted.since, 0)
        if wanted.since is None and since:
            yield f"… {count(since, 'earlier event')}: --since 0 shows all {len(own):,}"
        yield _listed(own, since)


def of_all(wanted: Wanted, home: Home) -> Iterator[Told]:
    """Return what is said of all journals of a home, tables as reports.

    Raises
    ------
    JournalError
        At the end, how many chains do not hold.
    """
    vault.learn()
    paths = list(runs(home))
    if wanted.verify:
        yield from _proofs(paths)
    elif wanted.spans:
        found = [history(events, p) for p in paths if (events := scan(p)[0])]
        yield trace_file.write(Path(wanted.spans), found)
    else:
        yield from _decided(wanted, all_decisions(home, wanted.by))


def _decided(wanted: Wanted, found: list[Decision]) -> Iterator[Told]:
    yield from (_line({**vars(d), "by": d.by.plain()}) for d in found) if wanted.json else [shown(found)]


def _line(plain: dict[str, object]) -> str:
    return json.dumps(vault.plain(plain))


def _proof(path: Path) -> str:
    """Say that a chain holds, that each line can be read, and its payloads are as they were; a fork's parents', too."""
    events, gone, lost = read(path), 0, list[str]()
    for file, part in lineage(events, path):
        if part is not events:
            read(file)
        gone += missing_payloads(file)
        lost += lost_values(file)
        saved.check(part, file)
    known = last_known(path)
    if known is not None and known.size > path.stat().st_size and _later(known, events):
        cut = f"the home's index knows {known.size:,} bytes of it, to an event of {known.at}"
        raise JournalError(f"{path}: {count(len(events), 'event')}, and lines are gone from its end: {cut}")
    head = events[-1].hash[:HEAD] if events else "none"
    more = f", {count(gone, 'payload')} missing" if gone else ""
    shown = ", ".join(map(visible, lost[:VALUES])) + (", …" if lost[VALUES:] else "")
    values = f"; of the stored values {shown}, and no resume can read it" if lost else ""
    return f"{len(events)} events, the chain holds (head {head}{more}); {_end(events)}{values}"


def _later(known: Glance, events: Sequence[Event]) -> bool:
    """Return whether an index knew more than these events, rather than a torn line behind them that was dropped."""
    ended = any(isinstance(e.body, ev.RunEnded) for e in events)
    return known.at > (events[-1].at if events else "") or (bool(known.reason) and not ended)


def _end(events: Sequence[Event]) -> str:
    """Say how a journal ends, and what its chain cannot show of that."""
    ended = next((e for e in reversed(events) if isinstance(e.body, ev.RunEnded)), None)
    if ended is None:
        return "run.ended is not in it: it goes on, or its end was cut off, which a chain alone cannot show"
    reason, after = ended.d.get("reason"), len([e for e in events if e.n > ended.n])
    return f"run.ended ({reason}) is its last event" if not after else f"{after:,} after run.ended ({reason})"


def _proofs(paths: list[Path]) -> Iterator[str]:
    broken = 0
    for path in paths:
        try:
            yield f"{path.parent.name}: {_proof(path)}"
        except JournalError as error:
            broken += 1
            yield f"{path.parent.name}: {error}"
    if broken:
        raise JournalError(f"{broken} of {len(paths)} journals do not hold")
