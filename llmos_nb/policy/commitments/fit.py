"""Whether a call fits an act: each argument is what its source yields, computed now. Pure but for the reader."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from llmos_nb.errors import Unreadable
from llmos_nb.policy.commitments.evaluate import Evaluator, Reader
from llmos_nb.policy.commitments.form import Act, Source
from llmos_nb.policy.commitments.functions import listed
from llmos_nb.policy.commitments.syntax import spelling
from llmos_nb.policy.commitments.tokens import hidden, tokens, unsaid
from llmos_nb.policy.commitments.values import (
    distinct,
    identity,
    is_number,
    leaves,
    moment,
    order,
    plain,
    same,
    same_field,
    show,
    text_form,
)

QUOTED, SLOT = 64, 64  # characters of a verbatim piece, and of what stands in a slot of a template
_OTHER, _SPENT = "it is not what the act says", "no item is left that has not been used"
_EMPTY: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Use:
    """What has been used of an act: plain data, for the journal.

    Parameters
    ----------
    items : tuple of dict, optional
        What the act's loops gave when it was first used; from then on they stand.
    taken : tuple of int
        Places of the items that have been used.
    count : int
        How often it has been used.
    """

    items: tuple[dict[str, Any], ...] | None = None
    taken: tuple[int, ...] = ()
    count: int = 0

    def data(self) -> dict[str, Any]:
        """Return it as JSON."""
        items = None if self.items is None else list(self.items)
        return {"items": items, "taken": list(self.taken), "count": self.count}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Use:
        """Return it from JSON."""
        items = data.get("items")
        taken = tuple(int(i) for i in data.get("taken", ()))
        return cls(None if items is None else tuple(items), taken, int(data.get("count", 0)))


@dataclass(frozen=True)
class Fit:
    """A call is one that an act commits to.

    Parameters
    ----------
    use : Use
        What has been used of the act once the call has run.
    item : int, optional
        The place of the item that it is for.
    act : int
        The place of the act in the plan.
    quarantined : mapping
        Arguments whose words must be written from one read alone (`text(of=…)`), each with what was read.
    """

    use: Use
    item: int | None = None
    act: int = 0
    quarantined: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Misfit:
    """A call is none that an act commits to; of several acts, and items, this is the nearest.

    Parameters
    ----------
    argument : str
        Which argument differs; empty where it is the act as a whole.
    why : str
        In words.
    given, wanted : object
        The argument's value, and what the act yields.
    act : int, optional
        The place of the act in the plan; None where no act is of this tool.
    fitting : int
        Arguments that fit.
    """

    argument: str
    why: str
    given: Any = None
    wanted: Any = None
    act: int | None = 0
    fitting: int = field(default=0, compare=False)


def first_fit(
    acts: Sequence[Act],
    uses: Mapping[int, Use] | Sequence[Use],
    tool: str,
    arguments: Mapping[str, Any],
    reader: Reader,
    words: str,
    links_ok: bool = False,
) -> Fit | Misfit:
    """Return the first act that a call fits, or in what it differs from the nearest.

    Parameters
    ----------
    acts : sequence of Act
        The plan's acts.
    uses : mapping or sequence of Use
        What has been used of each, by its place.
    tool : str
        The name of the tool that is called.
    arguments : mapping
        What it is called with.
    reader : callable
        Gives the value of a read or of an earlier act by name and arguments; raises `Unreadable`.
    words : str
        Everything that the user said.
    links_ok : bool
        Free words may hold links that the user did not say.
    """
    used = dict(uses) if isinstance(uses, Mapping) else dict(enumerate(uses))
    evaluator = Evaluator(reader)
    nearest: Misfit | None = None
    for place, act in enumerate(acts):
        if act.tool.name != tool:
            continue
        evaluator.begin()
        found = _fits(_Check(act, evaluator, words, links_ok), used.get(place, Use()), arguments)
        if isinstance(found, Fit):
            return replace(found, act=place)
        if nearest is None or found.fitting > nearest.fitting:
            nearest = replace(found, act=place)
    return nearest or Misfit("", f"no act of the plan calls {tool}", act=None)


def fits(
    act: Act, use: Use, arguments: Mapping[str, Any], reader: Reader, words: str, links_ok: bool = False
) -> Fit | Misfit:
    """Return whether a call fits an act, for one of its items that has not been used."""
    return _fits(_Check(act, Evaluator(reader), words, links_ok), use, arguments)


def _fits(check: _Check, use: Use, arguments: Mapping[str, Any]) -> Fit | Misfit:
    act = check.act
    if use.count >= act.times:
        return Misfit("", f"the act has been used {use.count} times, and may be no more", fitting=-1)
    try:
        defaults = plain(dict(act.tool.defaults))  # where one says something, None says something else
        given = plain(dict(arguments))
        given = {k: v for k, v in given.items() if v is not None or defaults.get(k) not in _EMPTY}
        items = use.items
        if items is None:
            items = check.items() if act.each else ({},)
    except Unreadable as error:
        return Misfit("", str(error), fitting=-1)
    misfits: dict[int, Misfit | None] = {}
    for place, item in enumerate(items):
        if act.each and place in use.taken:
            continue
        misfit = check.misfit(given, item)
        if misfit is None:
            taken = (*use.taken, place) if act.each else ()
            used = Use(items if act.each else None, taken, use.count + 1)
            return Fit(used, place if act.each else None, 0, dict(check.about))
        misfits[place] = misfit
    left = bool(misfits)
    misfits |= {place: check.misfit(given, items[place]) for place in use.taken}
    return _nearest([misfits[place] for place in sorted(misfits)], left)


def _nearest(misfits: list[Misfit | None], left: bool) -> Misfit:
    """Return why a call fits no item that is left; None stands for one that it fits and that has been used."""
    every = [m for m in misfits if m is not None]
    if len(every) < len(misfits):
        why = "its item has been used, and each covers one call" if left else _SPENT
        return Misfit("", why, fitting=-1)
    if not every:
        return Misfit("", "there are no items that it could be for", fitting=-1)
    nearest = max(every, key=lambda m: m.fitting)
    same_argument = [m for m in every if m.argument == nearest.argument]
    wanted = distinct(m.wanted for m in same_argument)
    if len(wanted) < 2 or any(m.why != _OTHER for m in same_argument):
        return nearest
    some = ", ".join(show(v, 40) for v in wanted[:5]) + (", …" if len(wanted) > 5 else "")
    return replace(nearest, why=f"it is none of the items ({some})", wanted=wanted)


@dataclass
class _Check:
    """The check of one call against one act."""

    act: Act
    evaluator: Evaluator
    words: str
    links_ok: bool
    about: dict[str, Any] = field(default_factory=dict)

    def items(self) -> tuple[dict[str, Any], ...]:
        """Return what the loops give now, with those fields alone that the act uses."""
        used = _fields(self.act)
        return tuple(
            {n: _part(v, used[n]) for n, v in i.items() if n in used} for i in self.evaluator.items(self.act.each)
        )

    def misfit(self, given: Mapping[str, Any], item: Mapping[str, Any]) -> Misfit | None:
        """Return in what a call differs, for an item; None where it fits."""
        defaults = self.act.tool.defaults
        names = {spelling(k): v for k, v in {**plain(dict(defaults)), **given}.items()} | dict(item)
        wrong: list[Misfit] = []
        self.about.clear()
        for name in given.keys() - self.act.arguments.keys():
            if not (name in defaults and _is_default(given[name], plain(defaults[name]))):
                wrong.append(Misfit(name, "the act does not name it", given[name]))
        for name, source in self.act.arguments.items():
            if (misfit := self.argument(name, source, given, names)) is not None:
                wrong.append(misfit)
        if not wrong and self.act.when is not None:
            wrong += self.condition(names)
        if not wrong:
            return None
        first = wrong[0]
        fitting = len(self.act.arguments) - len(wrong)
        return Misfit(first.argument, first.why, first.given, first.wanted, 0, fitting)

    def condition(self, names: Mapping[str, Any]) -> list[Misfit]:
        try:
            holds = self.act.when is None or bool(self.evaluator.value(self.act.when, names))
        except Unreadable as error:
            return [Misfit("", f"the condition: {error}")]
        return [] if holds else [Misfit("", "the condition does not hold")]

    def argument(self, name: str, source: Source, given: Mapping[str, Any], names: Mapping[str, Any]) -> Misfit | None:
        """Return in what an argument differs from its source."""
        if name not in given or (source.optional and given[name] in ([], {})):
            default = plain(self.act.tool.defaults.get(name))
            empty = source.kind == "literal" and (source.values[0] in _EMPTY or same(source.values[0], default))
            return None if source.optional or empty else Misfit(name, "it is not given")
        try:
            why, wanted = self.differs(given[name], source, names)
            if source.kind == "text" and source.node is not None:
                self.about[name] = self.evaluator.value(source.node, names)
        except Unreadable as error:
            return Misfit(name, str(error), given[name])
        return Misfit(name, why, given[name], wanted) if why else None

    def differs(self, value: Any, source: Source, names: Mapping[str, Any]) -> tuple[str, Any]:
        """Return why a value is not of its source, and what would be; no reason where it is."""
        node = source.node
        if source.kind == "text":
            return self.text(value, source), None
        if source.kind == "a":
            return self.chosen(value, source, names), None
        wanted = source.values if node is None else self.evaluator.value(node, names)
        if source.kind == "quote":
            return quoted(value, wanted), None
        if source.kind == "some":
            return _part_of(value, listed(wanted)), wanted
        if source.kind in ("among", "any_of"):
            found = any(_alike(value, w) for w in (listed(wanted) if node is not None else wanted))
            return ("" if found else "it is none of the values that the act allows"), wanted
        if node is None:
            (wanted,) = source.values
        return ("" if _alike(value, wanted) else _OTHER), wanted

    def text(self, value: Any, source: Source) -> str:
        if not isinstance(value, str):
            return "it is no text"
        if len(value) > source.most:
            return f"it has {len(value)} characters where {source.most} are allowed"
        if unseen := hidden(value):
            return f"it holds a character that nobody sees ({unseen})"
        if not (source.links or self.links_ok) and (token := unsaid(value, self.words)):
            return f"it holds {show(token)}, which does not stand in the user's words"
        return "" if not source.like or fills(source.like, value) else f"it has not the form {source.like!r}"

    def chosen(self, value: Any, source: Source, names: Mapping[str, Any]) -> str:
        """Return why a value is not one that the model may choose."""
        if not is_a(source.type, value):
            return f"it is no {source.type}"
        if source.match and not fnmatchcase(str(value), source.match):
            return f"it does not match {source.match!r}"
        for bound, sign, words in ((source.low, -1, "less than"), (source.high, 1, "more than")):
            if bound is not None:
                limit = self.evaluator.value(bound, names)
                if order(_day(value, limit), limit) == sign:
                    return f"it is {words} {show(limit)}"
        return ""


def _fields(act: Act) -> dict[str, set[str] | None]:
    """Return the names that an act uses, and of each which of its fields; None where it uses the whole."""
    sources = [n for s in act.arguments.values() for n in (s.node, s.low, s.high)]
    nodes = [n for root in (*sources, act.when) if root is not None for n in ast.walk(root)]
    used: dict[str, set[str] | None] = {}
    inside = {id(n.value): n.attr for n in nodes if isinstance(n, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Name):
            field, known = inside.get(id(node)), used.get(node.id, set())
            used[node.id] = None if field is None or known is None else {*known, field}
    return used


def _part(value: Any, fields: set[str] | None) -> Any:
    if fields is None or not isinstance(value, dict):
        return value
    return {k: v for k, v in value.items() if any(same_field(k, f) for f in fields)}


def _is_default(value: Any, default: Any) -> bool:
    """Return whether a value changes nothing; an empty text may erase one, where an empty list is as good as none."""
    return same(value, default) or (default in _EMPTY and value in ([], {}))


def _day(value: Any, limit: Any) -> Any:
    """Return the day of a time where the limit is a day: the whole of it is within."""
    at, bound = moment(value), moment(limit)
    return at[0].date().isoformat() if at is not None and bound is not None and not bound[1] else value


def _alike(given: Any, wanted: Any) -> bool:
    """Return whether a value is the wanted one; a list of one is as good as the one."""
    if isinstance(given, list) is not isinstance(wanted, list):
        given, wanted = (v[0] if isinstance(v, list) and len(v) == 1 else v for v in (given, wanted))
    return same(given, wanted)


def _part_of(given: Any, wanted: list[Any]) -> str:
    """Return why a value is not some of a list, each once; empty where it is."""
    values = given if isinstance(given, list) else [given]
    if not values or len(distinct(values)) < len(values):
        return "it is empty, or holds a value twice"
    known = {identity(w) for w in wanted}
    others = [v for v in values if identity(v) not in known]
    return f"{show(others[0])} is none of the values that the act allows" if others else ""


def quoted(value: Any, whole: Any) -> str:
    """Return why a value is no verbatim piece of what is read; empty where it is one."""
    if not isinstance(value, str) or len(value) > QUOTED or len(value.splitlines()) != 1:
        return f"it is no piece of one line and at most {QUOTED} characters"
    if unseen := hidden(value):
        return f"it holds a character that nobody sees ({unseen})"
    piece = text_form(value)
    found = bool(piece) and any(piece in text_form(v if isinstance(v, str) else show(v)) for v in leaves(whole))
    return "" if found else "it does not stand there word for word"


def is_a(kind: str, value: Any) -> bool:
    """Return whether a value is of a type of the form."""
    if kind == "number":
        return is_number(value)
    if not isinstance(value, str):
        return False
    if kind in ("date", "datetime"):
        at = moment(value)
        return at is not None and (kind == "datetime" or not at[1])
    return tokens(kind, value) == [value]


def fills(template: str, text: str) -> bool:
    """Return whether a text is a template whose slots are filled, each with a short piece of one line."""
    first, *rest = template.split("{}")
    ends = {len(first)} if text.startswith(first) else set()
    for part in rest:
        longest = (p + n for p in ends for n in range(1, SLOT + 1) if "\n" not in text[p : p + n])
        ends = {at + len(part) for at in longest if at <= len(text) and text.startswith(part, at)}
    return len(text) in ends
