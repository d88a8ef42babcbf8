"""Rules: what is allowed, asked for or denied by name, whatever the mode says. Pure."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any, Literal

from llmos_nb.errors import UsageError, check_keys, nearest
from llmos_nb.journal import PLAN, Decider
from llmos_nb.messages import canonical
from llmos_nb.policy.labels import TRUSTED, Label
from llmos_nb.policy.texts import tell

Verdict = Literal["allow", "ask", "deny"]
BOUNDS = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the first that matches decides.

    Parameters
    ----------
    tool : str
        Exact name, or an explicit glob with ``*``.
    do : {"allow", "ask", "deny"}
        The verdict.
    where : dict
        Argument name to the value it must equal (or an explicit glob for texts), or to bounds of a number:
        ``{"above": 1000}``, ``{"at_least": 1, "below": 5}``, ``{"at_most": 1000}``.
    until : str
        ISO 8601 time after which the rule no longer speaks; empty for ever.
    count : int
        How often it may let through; 0 for any number.
    by : str
        Who made it.
    risks : tuple of str
        Kinds of risk it covers; a call that bears another is not spoken of. Empty for any.
    exact : bool
        It speaks only of calls that have no argument beside those of `where`, and takes each for what it says: a ``*``
        in it is a star.
    """

    tool: str
    do: Verdict
    where: Mapping[str, Any] = field(default_factory=dict)
    until: str = ""
    count: int = 0
    by: str = "you"
    risks: tuple[str, ...] = ()
    exact: bool = False

    def matches(self, act: Act, at: str, used: int) -> bool:
        """Return whether the rule matches this call."""
        if not (fnmatchcase(act.tool, self.tool) if "*" in self.tool else act.tool == self.tool):
            return False
        over = (self.until and at > self.until) or (self.count and used >= self.count)
        if over or (self.risks and not act.kinds <= set(self.risks)):
            return False
        if self.exact:
            return canonical(dict(act.arguments)) == canonical(dict(self.where))
        return all(k in act.arguments and _equal(act.arguments[k], v) for k, v in self.where.items())

    def plain(self) -> dict[str, Any]:
        """Return the rule as plain data."""
        return {**asdict(self), "where": dict(self.where), "risks": list(self.risks)}


def _equal(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping) and wanted and wanted.keys() <= BOUNDS.keys():
        return _number(got) and all(BOUNDS[word](got, bound) for word, bound in wanted.items())
    if isinstance(wanted, str) and "*" in wanted:
        return isinstance(got, str) and fnmatchcase(got, wanted)
    if isinstance(wanted, bool) or isinstance(got, bool) or not isinstance(wanted, int | float):
        return canonical(got) == canonical(wanted)
    return isinstance(got, int | float) and got == wanted


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _checked_bounds(found: Mapping[str, Any], where: str) -> None:
    """Refuse bounds with a word or a value that means nothing: a rule that never matches is worse than none."""
    for name, wanted in found.items():
        words = wanted.keys() & BOUNDS.keys() if isinstance(wanted, Mapping) else ()
        if words and not (words == wanted.keys() and all(map(_number, wanted.values()))):
            must = f"must be numbers under {', '.join(BOUNDS)}"
            raise UsageError(f"{where}: where.{name} = {dict(wanted)!r} {must}")


def parse_rule(raw: Mapping[str, Any], where: str = "policy.rules") -> Rule:
    """Read a rule from `llmos.toml` or a command.

    Raises
    ------
    UsageError
        A key or value is wrong; names both, and where it stands.
    """
    check_keys(raw, [f.name for f in fields(Rule)], where)
    if raw.get("do") not in ("allow", "ask", "deny"):
        raise UsageError(f"{where}: do = {raw.get('do')!r} must be allow, ask or deny")
    if not isinstance(raw.get("tool"), str) or not raw["tool"]:
        raise UsageError(f"{where}: tool must be a name, or a glob with *")
    found = raw.get("where") or {}
    if not isinstance(found, Mapping):
        raise UsageError(f"{where}: where = {found!r} must be a table of arguments and their values")
    _checked_bounds(found, where)
    count = raw.get("count") or 0
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise UsageError(f"{where}: count = {count!r} must be a whole number, or 0 for any")
    wanted = {str(k): v.isoformat() if isinstance(v, date | time) else v for k, v in found.items()}
    until, by = _until(raw.get("until"), where), str(raw.get("by") or "you")
    risks = tuple(map(str, raw.get("risks") or ()))
    return Rule(raw["tool"], raw["do"], wanted, until, count, by, risks, bool(raw.get("exact")))


def _until(given: Any, where: str) -> str:
    """Return a time in the format of events' times, so that the two compare; one without a zone is in UTC."""
    if not given:
        return ""
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError:
        wanted = "a time, such as 2030-01-31 or 2030-01-31T18:00+01:00"
        raise UsageError(f"{where}: until = {str(given)!r} must be {wanted}") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


OUTWARD = frozenset(("network", "process", "native", "unread"))
MODES = ("risky", "plan", "step", "auto", "never")
Mode = Literal["risky", "plan", "step", "auto", "never"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says of one call or plan.

    Parameters
    ----------
    what : {"allow", "ask", "deny"}
        The verdict.
    by : Decider
        What decided.
    why : str
        One sentence for a person (or the model, on `deny`).
    """

    what: Verdict
    by: Decider
    why: str = ""


def parse_mode(text: str, what: str = "approve") -> Mode:
    """Read an approval mode, or say which there are."""
    if text not in MODES:
        raise UsageError(f"{what} {text!r}: unknown mode ({', '.join(MODES)}){nearest(text, MODES)}")
    return text  # type: ignore[return-value]  # the check above is the proof


@dataclass(frozen=True, slots=True)
class Cover:
    """What the commitments that stand say of a call that acts outward.

    Parameters
    ----------
    act : int
        Number of the act that it fits; 0 for none.
    runs : bool
        That act lets it run unasked.
    why : str
        Why it does not: a sentence for a person, or the model.
    """

    act: int = 0
    runs: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Act:
    """What is known of a call before it runs.

    Parameters
    ----------
    tool : str
        Exact name.
    arguments : mapping
        Validated arguments.
    level : {"read", "namespace", "risky"}
        What this very call would do.
    reasons : tuple of str
        Why it is risky, one sentence each.
    step : int
        Number of the plan's step it belongs to.
    label : Label
        Of the context that proposes it.
    outward : bool
        It acts outside the namespace.
    cover : Cover, optional
        What the commitments say of it, where there are any and it acts outward.
    alone : bool
        Nobody can be asked at this moment.
    kinds : frozenset of str
        Kinds of its risks.
    same : bool
        It acts on what a call of the same tool acted on before, as far as its arguments say.
    gated : bool
        What it does outside is judged where it happens.
    declared : bool
        Somebody has said what the tool does.
    """

    tool: str
    arguments: Mapping[str, Any]
    level: str
    reasons: tuple[str, ...] = ()
    step: int = 0
    label: Label = TRUSTED
    outward: bool = False
    cover: Cover | None = None
    alone: bool = False
    kinds: frozenset[str] = frozenset()
    same: bool = False
    gated: bool = False
    declared: bool = False

    @property
    def risky(self) -> bool:
        """Whether a person may want to see it first; in an untrusted context all that is not judged as it acts."""
        return self.level == "risky" or (self.label.untrusted and self.level != "read" and not self.gated)


Counts = Mapping[Any, int]


def judge(
    act: Act, mode: Mode, rules: Sequence[Rule], used: Counts, envelope: Counts, spent: Counts, at: str
) -> Ruling:
    """Decide on one call.

    Parameters
    ----------
    act : Act
        The call.
    mode : str
        One of `MODES`.
    rules : sequence of Rule
        In order; the first that matches speaks.
    used : mapping
        How often each rule (by index) has let a call through.
    envelope, spent : mapping
        Calls by tool name that the approved plan grants, and how many of them were used.
    at : str
        The time, ISO 8601.
    """
    for i, rule in enumerate(rules):
        if rule.matches(act, at, used.get(i, 0)):
            return _by_rule(i, rule, mode)
    if mode == "auto" and act.outward and act.label.untrusted and act.label.secret:
        return Ruling("deny", Decider("check", "label"), tell("leak"))
    if act.cover is not None and act.cover.runs and mode != "step":
        by = Decider("commitment", str(act.cover.act))
        return Ruling("allow", by, f"The plan commits to it (act {act.cover.act}).")
    return _by_mode(act, mode, envelope, spent)


def _by_mode(act: Act, mode: Mode, envelope: Counts, spent: Counts) -> Ruling:
    """Let the mode decide; after an untrusted read, what acts outward and no commitment covers is asked or refused."""
    led = act.outward and act.label.untrusted
    uncovered = act.cover is not None or (led and not act.same)
    if not uncovered and (mode == "auto" or (mode != "step" and not act.risky)):
        return Ruling("allow", Decider("mode", mode))
    granted = mode == "plan" and act.cover is None and not led
    if granted and spent.get(act.tool, 0) < envelope.get(act.tool, 0):
        return Ruling("allow", PLAN, "The approved plan covers it.")
    why = " ".join(act.reasons) or f"It asks because {act.tool} acts outside the namespace."
    if act.cover is not None:
        why = f"It asks because this mode asks; planned, act {act.cover.act}." if act.cover.runs else act.cover.why
    elif not act.declared:
        why = f"{why} Where {act.tool} only reads, say so: effect = 'read' in its declaration or in llmos.toml."
    if mode == "never" or (mode == "auto" and act.alone):
        return Ruling("deny", Decider("mode", mode), tell("nobody", why=why))
    always = "It asks because every step is asked for in this mode."
    return Ruling("ask", Decider("mode", mode), why if act.risky or act.cover is not None else always)


def _by_rule(index: int, rule: Rule, mode: Mode) -> Ruling:
    by = Decider("rule", str(index + 1))
    if rule.do == "ask" and mode == "never":
        return Ruling("deny", by, tell("rule_nobody", tool=rule.tool))
    if rule.do == "deny":
        return Ruling("deny", by, tell("rule_denies", tool=rule.tool))
    return Ruling(rule.do, by, f"It asks because a rule asks for {rule.tool}." if rule.do == "ask" else "")


def in_advance(tool: str, kinds: Iterable[str]) -> bool:
    """Whether calls to come that bear only these kinds of risk may be approved now: never what goes out or deletes."""
    found, never = set(kinds), OUTWARD | {"deletion"}
    return bool(found) and not found & (never if tool == "python" else never | {"external"})


def judge_plan(steps: int, mode: Mode, acts: int = 0) -> Ruling:
    """Decide on a plan of so many steps, which commits to so many acts that nobody has approved yet."""
    if mode in ("auto", "never") or (mode == "risky" and steps <= 1 and not acts):
        return Ruling("allow", Decider("mode", mode))
    what = f"{steps} step{'s' * (steps != 1)}" + (f" and {acts} act{'s' * (acts != 1)}" if acts else "")
    return Ruling("ask", Decider("mode", mode), f"It asks because a plan of {what} is to be approved first.")


def envelope(steps: Iterable[Mapping[str, Any]], tools: Iterable[str]) -> dict[str, int]:
    """Say what approving these steps grants: calls by tool name.

    A step grants one call of each tool that it names (in `tools`, or word for word in its title or expectation);
    a step that names none grants one call of `python`.
    """
    known = list(tools)
    granted: dict[str, int] = {}
    for step in steps:
        words = f" {step.get('title', '')} {step.get('expect', '')} ".replace("`", " ").replace("(", " ")
        named = {t for t in known if f" {t} " in words and ("_" in t or t == "python")}
        for tool in sorted(named | set(known).intersection(step.get("tools") or ())) or ["python"]:
            granted[tool] = granted.get(tool, 0) + 1
    return granted


def call_digest(call: str, tool: str, tool_digest: str, arguments: object, versions: Mapping[str, str]) -> str:
    """Bind an approval to exactly this call, tool, source, arguments and versions of the names it reads."""
    return sha256(canonical([call, tool, tool_digest, arguments, dict(versions)]).encode()).hexdigest()
