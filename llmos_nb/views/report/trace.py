"""`%agent trace`: what took the time, as lanes of model, tools and waiting, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from llmos_nb.journal import Event, events as ev
from llmos_nb.process.state import CONTROL, State
from llmos_nb.views.activity import PLAN, Activity, Stretches, activities, worked
from llmos_nb.views.contract import Stretch
from llmos_nb.views.report.model import Grid, Lane, Lanes, Mark, Note, Part, Report, Told
from llmos_nb.views.report.scale import Axis, axis, groups
from llmos_nb.views.timeline import Timeline
from llmos_nb.views.wording import clock, count, duration, phrase, since

LANES, MARKS, SPANS, FINE = 24, 200, 200, 600  # the last: places on the axis
KEY = {"model": "model", "tool": "tool", "you": "waiting for you", "h": "you decided", "e": "error"}
HOUR = 3_600
_WORDS = {"model": "the model", "tool": "tools", "you": "waiting for you"}


@dataclass
class _Row:
    """A lane in the making: its name and what happened in it."""

    name: str
    found: list[Activity] = field(default_factory=list)


def trace(s: State, events: Sequence[Event], spans: Iterable[Sequence[object]] = (), now: str = "") -> Report:
    """Return what took the time.

    Parameters
    ----------
    s : State
        The process.
    events : sequence of Event
        Its whole history.
    spans : iterable of sequence
        Name, seconds, tokens and error of each of its spans, indented by depth.
    now : str
        ISO 8601 time, of a process that goes on.
    """
    found, time = activities(events, now), Stretches(events)
    until = since(events[0].at, now) if now and events else time.at
    whole = _whole(time, until)
    line = axis(whole, max([a.end for a in found] + [until, 0.1]))
    sums = {k: sum(p["end"] - p["begin"] for p in whole if p["who"] == k) for k in _WORDS}
    told = ", ".join(f"{_WORDS[k]} {took(v)}" for k, v in sums.items() if v) or "nothing ran yet"
    name, rows, marks = s.name or f"process {s.pid}", _rows(s, events, found), _marks(events, line)
    all_of_it = [_part(line, p["who"], p["begin"], p["end"]) for p in whole]
    lanes = [Lane("all", coarse(all_of_it, line.end), took(line.seconds))]
    lanes += [_lane(r.name, r.found, line) for r in rows]
    alt = f"What {name} did in {took(line.seconds)}: {told}. {count(len(rows), 'lane')} below, one a step."
    key = {k: v for k, v in KEY.items() if sums.get(k) or any(m.kind == k for m in marks)}
    caption = "Time by step: model, tools, waiting for you"
    chart = Lanes(caption, alt + line.says, lanes, line.end, line.ticks, [*line.marks, *marks], key=key)
    notes = [Note(line.says.strip(), quiet=True)] if line.says else []
    return Report(f"{name}: {took(line.seconds)}; {told}", [chart, *notes, _spans(list(spans))])


def _whole(time: Stretches, until: float) -> list[Stretch]:
    """Return what the process as a whole did, one thing at a time; what still goes on reaches until now."""
    found = [*time.found]
    if time.who and found:
        found[-1] = {**found[-1], "end": max(until, found[-1]["end"])}
    return found


def _part(line: Axis, look: str, start: float, end: float, says: str = "") -> Part:
    return Part(look, line.at(start), line.at(end), says)


def _lane(name: str, found: Sequence[Activity], line: Axis) -> Lane:
    parts = [_part(line, a.who, a.start, a.end, a.what) for a in found]
    bad = any(not a.good for a in found)
    return Lane(name, coarse(parts, line.end), took(worked(found)) + (", an error" if bad else ""), bad)


def took(seconds: float) -> str:
    """Say how long something took; below a second in milliseconds, from an hour on as on a clock."""
    if seconds >= HOUR:
        return clock(seconds)
    return duration(seconds) if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def coarse(parts: Sequence[Part], end: float) -> Sequence[Part]:
    """Return parts as they are; of many, what takes most of each place on the axis, neighbours joined."""
    if len(parts) <= FINE // 2:
        return parts
    most: list[dict[str, float]] = [{} for _ in range(FINE)]
    for p in parts:
        first, last = int(p.start / end * FINE), min(int(p.end / end * FINE), FINE - 1)
        for i in range(min(first, FINE - 1), last + 1):
            shared = min(p.end, (i + 1) / FINE * end) - max(p.start, i / FINE * end)
            most[i][p.look] = most[i].get(p.look, 0.0) + max(shared, 0.0)
    made = list[Part]()
    for i, looks in enumerate(most):
        look, until = max(looks, key=lambda k: looks[k], default=""), (i + 1) / FINE * end
        if made and made[-1].look == look and made[-1].end == i / FINE * end:
            made[-1] = replace(made[-1], end=until)
        elif look:
            made.append(Part(look, i / FINE * end, until))
    return made


def _rows(s: State, events: Sequence[Event], found: Sequence[Activity]) -> list[_Row]:
    """Return a lane for each step, in the order in which they began; of many, neighbours together."""
    homes = _homes(s, events)
    rows: dict[str, _Row] = {}
    for f in sorted(found, key=lambda f: f.start):
        name = homes.get(f.what) or ("plan" if f.what == PLAN else "other")
        rows.setdefault(name, _Row(name)).found.append(f)
    if len(rows) <= LANES:
        return list(rows.values())
    made = []
    for group in groups(list(rows.values()), LANES):
        first, last = group[0].name.split(maxsplit=1)[0], group[-1].name.split(maxsplit=1)[0]
        made.append(_Row(f"{first} to {last}", [f for r in group for f in r.found]))
    return made


def _homes(s: State, events: Sequence[Event]) -> dict[str, str]:
    """Return the name of the lane for each request, call and question."""
    homes, waiting, answers = dict[str, str](), list[str](), 0
    for e in events:
        match e.body:
            case ev.ModelRequested(request=request):
                waiting.append(f"request {request}")
            case ev.ModelResponded() as b:
                answers += 1
                ids = {f"r{answers}.{i}": c["name"] for i, c in enumerate(b.calls)}
                homes |= {i: _named(s, i, answers, name) for i, name in ids.items()}
                first = next((homes[i] for i in ids), "answer")
                homes |= dict.fromkeys(waiting, first)
                waiting = []
    return homes | dict.fromkeys(waiting, "under way")


def _named(s: State, call: str, answer: int, tool: str) -> str:
    if tool in CONTROL:
        return "plan" if tool == "plan" else "answer"
    known = s.calls.get(call)
    step = next((p for p in s.plan.steps if known and p.n == known.step), None)
    return f"{step.n} {phrase(step.title, 60)}" if step else f"r{answer} {tool}"


def _marks(events: Sequence[Event], line: Axis) -> list[Mark]:
    """Return decisions and errors; of those at one place the last, and an error before a decision."""
    marks: dict[int, Mark] = {}
    for e, shown in zip(events, Timeline(events).events, strict=True):
        if kind := shown.get("mark"):
            at = line.at(since(events[0].at, e.at))
            place = round(at / line.end * FINE)
            if kind == "e" or place not in marks or marks[place].kind != "e":
                marks[place] = Mark(at, kind, shown["t"])
    return list(marks.values())[-MARKS:]


def _spans(spans: Sequence[Sequence[object]]) -> Grid:
    kept = spans[-SPANS:]
    more = f", the last {len(kept)} of {len(spans):,}" if len(kept) < len(spans) else ""
    rows = [[name, f"{s:.3f} s", tokens or "", Told(error, "bad" if error else "")] for name, s, tokens, error in kept]
    return Grid(f"Spans{more}", ("span", "time", "tokens", "error"), rows, frozenset({"time", "tokens"}), folded=True)
