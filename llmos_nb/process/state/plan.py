"""Plan and Step: a graph of steps in which every edit returns a new plan with the next version.

Numbers are names: a step keeps its number for life, and a number is never given twice in a process.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any, cast

from llmos_nb.errors import BadArguments, UsageError
from llmos_nb.journal.events import ActData, StepData
from llmos_nb.policy import tell

OPEN = ("pending", "running", "waiting")
_IS = re.compile(r"(?:is|has)_\w+|empty")
_ASKS = re.compile(
    r"(?:is|has)_\w+|all|any|isinstance|issubclass|hasattr|callable|equals|exists|startswith|endswith|isclose|allclose|"
    r"array_equal|isdisjoint|issubset|issuperset"
)
MAX_STEPS = 50
MAX_ACTS, ACT_CHARS = 20, 600  # of a step; of one


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan.

    Parameters
    ----------
    n : int
        Its number, from 1.
    title, expect : str
        What happens and what should be seen then: in words, or as a condition that is evaluated.
    depends_on : tuple of int
        Numbers of the steps that must be done before.
    status : str
        ``pending, running, waiting, done, failed, skipped, rejected, replaced``.
    check : str
        A Python expression over the namespace that must hold after the step; empty for none.
    code : str
        Code that a person wrote for it; empty if the model should.
    tools : tuple of str
        Tools it says it will call.
    hint : str
        A person's words for the next try.
    why : str
        The reason that was given when it was rejected.
    acts : tuple of ActData, optional
        What it commits to do outside; of a proposal, the texts alone. None where nothing is said of it, which is no
        promise to do nothing.
    """

    n: int
    title: str
    expect: str = ""
    depends_on: tuple[int, ...] = ()
    status: str = "pending"
    check: str = ""
    code: str = ""
    tools: tuple[str, ...] = ()
    hint: str = ""
    why: str = ""
    acts: tuple[ActData, ...] | None = None

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.status in OPEN

    @property
    def expects(self) -> bool:
        """Whether anything is said of what should be seen then."""
        return bool(self.expect or self.check)

    @property
    def expectation(self) -> str:
        """What can be evaluated of what it expects: its check, or `expect` where that is a condition; else empty."""
        return self.check or (self.expect if is_condition(self.expect) else "")

    def plain(self) -> StepData:
        """Return the step as plain data, without empty fields; that it commits to nothing is said."""
        said = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v is not None}
        found = {k: v for k, v in said.items() if v or k in ("n", "acts")}
        return cast("StepData", found)


@lru_cache(maxsize=256)
def is_condition(text: str) -> bool:
    """Return whether a text is a condition in Python, as ``len(out) == 12`` and ``df.id.is_unique``, and no words."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    parts = [*ast.walk(tree)]
    names = any(isinstance(n, ast.Name) for n in parts)
    return (
        names
        and (_is_predicate(tree) or any(isinstance(n, ast.Compare) and not _is_said(n) for n in parts))
        and not any(isinstance(n, ast.Await) for n in parts)
    )


def _is_predicate(node: ast.expr) -> bool:
    """Return whether an expression is true or false by the name of what it asks last."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _is_predicate(node.operand)
    asked = node.func if isinstance(node, ast.Call) else node
    name = getattr(asked, "attr", getattr(asked, "id", "") if isinstance(node, ast.Call) else "")
    return bool((_ASKS if isinstance(node, ast.Call) else _IS).fullmatch(name))


def _is_said(compared: ast.Compare) -> bool:
    """Return whether a comparison is of words that happen to be Python: ``mean is plausible``."""
    words = all(isinstance(n, ast.Name) for n in (compared.left, *compared.comparators))
    return words and all(isinstance(op, ast.Is | ast.IsNot) for op in compared.ops)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order, with the version that counts every edit."""

    steps: tuple[Step, ...] = ()
    version: int = 0
    _by_n: dict[int, Step] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_n.update((s.n, s) for s in self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __contains__(self, n: object) -> bool:
        """Return whether there is a step of this number."""
        return n in self._by_n

    def step(self, n: int) -> Step:
        """Return step `n`, or say which there are."""
        if n not in self._by_n:
            known = ", ".join(str(s.n) for s in self.steps) or "none"
            raise UsageError(f"step {n}: no such step (steps: {known})")
        return self._by_n[n]

    def ready(self) -> list[Step]:
        """Return the pending steps whose dependencies are settled, in order."""
        return [s for s in self.steps if s.status == "pending" and not self.blockers(s)]

    def blockers(self, step: Step) -> list[int]:
        """Return the numbers of open steps that `step` waits for."""
        return [n for n in step.depends_on if n in self._by_n and self._by_n[n].open]

    def later(self, n: int, last: int) -> bool:
        """Return whether step `n` comes after step `last`; where that is 0, none does."""
        order = [s.n for s in self.steps]
        return last in order and n in order[order.index(last) + 1 :]

    @property
    def commits(self) -> bool:
        """Whether each step that is left says what it will do outside, be it nothing."""
        left = [s for s in self.steps if s.open]
        return bool(left) and all(s.acts is not None for s in left)

    @property
    def finished(self) -> bool:
        """Whether no step is open."""
        return not any(s.open for s in self.steps)

    def plain(self) -> list[StepData]:
        """Return the steps as plain data."""
        return [s.plain() for s in self.steps]

    def put(self, n: int, **changes: Any) -> Plan:
        """Change fields of a step that are not edits (its status), keeping the version."""
        changed = replace(self.step(n), **changes)
        return Plan(tuple(changed if s.n == n else s for s in self.steps), self.version)

    def edit(self, n: int, **changes: Any) -> Plan:
        """Edit a step that has not ended well: title, expect, code, check, depends_on.

        What it expected goes with its title, unless it is given again: nobody has said it of what is to be done now.
        """
        step = self.step(n)
        if step.status in ("done", "replaced"):
            raise UsageError(f"step {n} is {step.status}: undo or retry it before you edit it")
        if changes.get("title", step.title) != step.title:
            changes = {"expect": "", "check": "", **changes}
        status = "pending" if step.status != "running" else step.status
        return Plan(self.put(n, **changes, status=status, why="").steps, self.version + 1)

    def add(self, title: str, expect: str = "", after: int | None = None) -> Plan:
        """Add a pending step, at the end or after step `after`."""
        new = Step(self.next_n, title, expect, () if after is None else (after,))
        at = len(self.steps) if after is None else self.steps.index(self.step(after)) + 1
        return Plan((*self.steps[:at], new, *self.steps[at:]), self.version + 1)

    def move(self, n: int, to: int) -> Plan:
        """Move a pending step to position `to` (from 1), never before what it depends on."""
        step = self.step(n)
        if step.status != "pending":
            raise UsageError(f"step {n} is {step.status}: only a step that has not started can be moved")
        rest = [s for s in self.steps if s.n != n]
        at = min(max(to - 1, 0), len(rest))
        before = {s.n for s in rest[:at]}
        late = [d for d in step.depends_on if d in self._by_n and d not in before]
        if late:
            raise UsageError(f"step {n} depends on step {late[0]}: it cannot come before it")
        early = [s.n for s in rest[:at] if n in s.depends_on]
        if early:
            raise UsageError(f"step {early[0]} depends on step {n}: it cannot come after it")
        return Plan((*rest[:at], step, *rest[at:]), self.version + 1)

    def skip(self, n: int) -> Plan:
        """Skip a step that is open or failed."""
        step = self.step(n)
        if not step.open and step.status != "failed":
            raise UsageError(f"step {n} is {step.status}: there is nothing to skip")
        return Plan(self.put(n, status="skipped").steps, self.version + 1)

    def retry(self, n: int, hint: str = "") -> Plan:
        """Put a step that has ended back to pending, with a hint for the model."""
        step = self.step(n)
        if step.open or step.status == "replaced":
            raise UsageError(f"step {n} is {step.status}: only a step that has ended can be tried again")
        return Plan(self.put(n, status="pending", hint=hint, why="").steps, self.version + 1)

    def reject(self, n: int, why: str = "") -> Plan:
        """Reject a step that has not begun, with a reason for the model."""
        return Plan(self.put(n, status="rejected", why=why).steps, self.version + 1)

    def unexpected(self, before: Plan) -> list[int]:
        """Return the numbers of steps that have another title than before, and expect nothing any more."""
        changed = [(s, before.step(s.n)) for s in self.steps if s.n in before]
        return [s.n for s, was in changed if s.title != was.title and was.expects and not s.expects]

    def replace_rest(self, wire: Sequence[Mapping[str, Any]]) -> Plan:
        """Put new steps in place of all open and failed ones (a re-plan by the model)."""
        kept = tuple(replace(s, status="replaced") if s.status in (*OPEN, "failed") else s for s in self.steps)
        stand = {s.n for s in kept if s.status != "replaced"}  # no new step is meant to wait for one that is gone
        return Plan((*kept, *parse_steps(wire, self.next_n, stand)), self.version + 1)

    @property
    def next_n(self) -> int:
        """The first number that was never given."""
        return max((s.n for s in self.steps), default=0) + 1


def parse_steps(wire: object, first: int = 1, known: Iterable[int] = ()) -> tuple[Step, ...]:
    """Read steps as a model or a file gives them: ``[{"title", "expect", "depends_on"}, …]``.

    Raises
    ------
    BadArguments
        One message that names each step and field that does not fit.
    """
    if not isinstance(wire, list | tuple) or not wire:
        raise BadArguments(tell("steps_none"))
    if len(wire) > MAX_STEPS:
        raise BadArguments(tell("steps_many", count=len(wire), most=MAX_STEPS))
    allowed = set(known)
    steps: list[Step] = []
    for i, raw in enumerate(wire):
        steps.append(_parse_step(raw, first + i, i + 1, allowed, first))
        allowed.add(first + i)
    return tuple(steps)


def _parse_step(raw: object, n: int, place: int, known: set[int], first: int) -> Step:
    if isinstance(raw, str):
        raw = {"title": raw}
    if not isinstance(raw, Mapping) or not isinstance(raw.get("title"), str) or not raw["title"].strip():
        raise BadArguments(tell("step_title", place=place))
    depends = tuple(_dependency(d, place, known, first) for d in raw.get("depends_on") or ())
    texts = {k: str(raw.get(k) or "").strip() for k in ("expect", "check", "code")}
    tools = tuple(str(t) for t in raw.get("tools") or ())
    return Step(n, raw["title"].strip(), depends_on=depends, tools=tools, acts=_acts(raw, place), **texts)


def _acts(raw: Mapping[str, Any], place: int) -> tuple[ActData, ...] | None:
    """Read the acts of a step: texts of a proposal, or what the journal has of them."""
    given = raw.get("acts")
    if given is None:
        return None
    if not isinstance(given, list | tuple) or len(given) > MAX_ACTS:
        raise BadArguments(tell("step_acts", place=place, most=MAX_ACTS))
    texts = [a.get("text") if isinstance(a, Mapping) else a for a in given]
    if wrong := [t for t in texts if not isinstance(t, str) or len(t) > ACT_CHARS]:
        raise BadArguments(tell("step_act", place=place, act=repr(wrong[0])[:60], most=ACT_CHARS))
    return tuple(cast("ActData", {"text": a.strip()} if isinstance(a, str) else dict(a)) for a in given)


def _dependency(raw: object, place: int, known: set[int], first: int) -> int:
    """Read one dependency: the number of a step, or its place in this list where the plan is a later one."""
    number = int(raw) if isinstance(raw, int | str) and str(raw).isdecimal() else None
    if number is None:
        raise BadArguments(tell("step_depends", place=place, number=repr(raw)))
    if number not in known and number + first - 1 in known:
        number += first - 1
    if number not in known:
        raise BadArguments(tell("step_later", place=place, number=number))
    return number
