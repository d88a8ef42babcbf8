"""`%agent cost`: what is spent and of how much, over time and turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llmos_nb.journal import Event
from llmos_nb.policy import show
from llmos_nb.process.state import State
from llmos_nb.views.activity import Stretches
from llmos_nb.views.report.model import Column, Columns, Curve, Grid, Note, Piece, Report, Told
from llmos_nb.views.report.scale import Axis, axis, groups, span, ticks
from llmos_nb.views.report.turns import Spending, Turn, spending
from llmos_nb.views.wording import count, duration, money, tokens

UNITS = ("steps", "calls", "tokens", "$", "s")
MOST, POINTS = 24, 200
KEY = {"answer": "answer", "new": "prompt, new", "cached": "prompt, cached: a tenth"}


def cost(s: State, events: Iterable[Event]) -> Report:
    """Return what a process has spent.

    Parameters
    ----------
    s : State
        The process.
    events : iterable of Event
        Its whole history: of a fork with what came before it.
    """
    known = list(events)
    found, time = spending(known), Stretches(known)
    line = axis(time.found, max(found.seconds, 0.1))
    name = s.name or f"process {s.pid}"
    parts: list[Piece] = [_bounds(s), *_curve(s, found, line), *_turns(found.turns)]
    return Report(f"What {name} has spent", parts)


def _bounds(s: State) -> Grid:
    rows = []
    for unit in UNITS:
        spent, limit = s.spent.get(unit, 0.0), s.budget.limits.get(unit)
        used = "" if not limit else Told(f"{spent / limit:.0%}", "bad" if spent >= limit else "", spent / limit)
        rows.append([unit, show(unit, round(spent, 4)), "no bound" if limit is None else show(unit, limit), used])
    return Grid("Spent, of the budget", ("unit", "spent", "of", "used"), rows, frozenset({"spent", "of"}))


def _curve(s: State, found: Spending, line: Axis) -> list[Piece]:
    """Draw money where it costs some, else tokens; nothing where nothing was booked."""
    unit = "$" if found.curve("$")[1:] else "tokens"
    points = found.curve(unit)
    if len(points) == 1:
        return []
    say = _dollars if unit == "$" else tokens
    spent, limit = points[-1][1], s.budget.limits.get(unit, 0.0)
    close = 0 < limit <= 4 * spent  # a bound far above would press the curve flat
    scale = ticks(max(spent, limit if close else 0.0), say)
    bound = f"the budget ends at {say(limit)}" if limit else "the budget has no bound for it"
    what = "Money" if unit == "$" else "Tokens at full price"
    alt = f"{what} over time: {say(spent)} after {duration(found.seconds)}; {bound}.{line.says}"
    caption = f"{what} over time, {say(spent)}" + (f" of {say(limit)}" if limit else "")
    # the last point of each group is the sum so far
    points = [(line.at(x), y) for x, y in (group[-1] for group in groups(points, POINTS))]
    near = limit if close else 0.0
    curve = Curve(caption, alt, points, line.end, scale[-1][0], line.ticks, scale, near, bound if limit else "")
    return [curve, *([Note(line.says.strip(), quiet=True)] if line.says else [])]


def _dollars(amount: float) -> str:
    return money(amount, 4)


def _turns(turns: Sequence[Turn]) -> list[Piece]:
    if not any(t.charged for t in turns):
        return [Note("The model's endpoint counts no tokens.", quiet=True)] if turns else []
    columns = [_column(group) for group in groups(turns, MOST)]
    top = max(sum(c.amounts.values()) for c in columns)
    prompt, cached = sum(t.usage.prompt for t in turns), sum(t.usage.cached for t in turns)
    charged = sum(t.charged for t in turns)
    share = f"{cached / prompt:.0%} of all prompts were cached. " if prompt else ""
    said = (
        f"{share}{count(len(turns), 'turn')} took {prompt:,} tokens of prompts and "
        f"{sum(t.usage.completion for t in turns):,} of answers, which count as {charged:,.0f}."
    )
    each = "" if len(columns) == len(turns) else f", {len(turns)} turns in {len(columns)} columns"
    caption = f"Tokens by turn, at full price{each}"
    highest = max(columns, key=lambda c: sum(c.amounts.values()))
    alt = f"{caption}: most in turn {highest.label}, {highest.says}. {said}"
    return [Columns(caption, alt, columns, KEY, ticks(top, tokens, 3)), Note(said), _table(turns)]


def _column(group: Sequence[Turn]) -> Column:
    parts = {
        "answer": float(sum(t.usage.completion for t in group)),
        "new": float(sum(t.new for t in group)),
        "cached": sum(t.cached for t in group),
    }
    charged = sum(t.charged for t in group)
    if not sum(parts.values()):
        parts = {"new": charged}
    return Column(span([t.n for t in group]), parts, tokens(round(charged)))


def _table(turns: Sequence[Turn]) -> Grid:
    """List the turns, of many in groups."""
    heads = ("turn", "prompt", "cached", "share", "answer", "at full price", "cost")
    rows = []
    for group in groups(turns, MOST):
        prompt, cached = sum(t.usage.prompt for t in group), sum(t.usage.cached for t in group)
        spent = sum(t.spent.get("$", 0.0) for t in group)
        share = f"{cached / prompt:.0%}" if prompt else ""
        answer, charged = sum(t.usage.completion for t in group), sum(t.charged for t in group)
        told = [f"{prompt:,}", f"{cached:,}", share, f"{answer:,}", f"{charged:,.0f}"]
        rows.append([span([t.n for t in group]), *told, _dollars(spent) if spent else ""])
    return Grid("Tokens and cost by turn", heads, rows, frozenset(heads[1:]), folded=True)
