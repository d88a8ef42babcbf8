"""Rules: what is allowed, asked for or denied by name, whatever the mode says. Pure."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from llmos_nb.chain import canonical
from llmos_nb.errors import UsageError, nearest

if TYPE_CHECKING:
    from llmos_nb.policy import Act

Verdict = Literal["allow", "ask", "deny"]
BOUNDS = {"above": operator.gt, "at_least": operator.ge, "below": operator.lt, "at_most": operator.le}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; the first that matches speaks.

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
        """Tell whether the rule speaks of this call."""
        if not (fnmatchcase(act.tool, self.tool) if "*" in self.tool else act.tool == self.tool):
            return False
        if (self.until and at > self.until) or (self.count and used >= self.count):
            return False
        if self.risks and not act.kinds <= set(self.risks):
            return False
        if self.exact:
            return canonical(dict(act.arguments)) == canonical(dict(self.where))
        return all(k in act.arguments and _equal(act.arguments[k], v) for k, v in self.where.items())

    def plain(self) -> dict[str, Any]:
        """Give the rule as plain data."""
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
    """Refuse bounds with a word or a value that means nothing: a rule that never speaks is worse than none."""
    for name, wanted in found.items():
        words = wanted.keys() & BOUNDS.keys() if isinstance(wanted, Mapping) else ()
        if words and not (words == wanted.keys() and all(map(_number, wanted.values()))):
            raise UsageError(
                f"{where}: where.{name} = {dict(wanted)!r} must be numbers under {', '.join(BOUNDS)}"
            )


def parse_rule(raw: Mapping[str, Any], where: str = "policy.rules") -> Rule:
    """Read a rule from `llmos.toml` or a command.

    Raises
    ------
    UsageError
        A key or value is wrong; names both, and where it stands.
    """
    known = [f.name for f in fields(Rule)]
    for key in raw:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(key, known)}")
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
    return Rule(
        raw["tool"],
        raw["do"],
        {str(k): v.isoformat() if isinstance(v, date | time) else v for k, v in found.items()},
        _until(raw.get("until"), where),
        count,
        str(raw.get("by") or "you"),
        tuple(map(str, raw.get("risks") or ())),
        bool(raw.get("exact")),
    )


def _until(given: Any, where: str) -> str:
    """Give a time in the form in which events have theirs, so that the two compare; one without a zone is in UTC."""
    if not given:
        return ""
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError:
        raise UsageError(
            f"{where}: until = {str(given)!r} must be a time, such as 2030-01-31 or 2030-01-31T18:00+01:00"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return at.astimezone(UTC).isoformat(timespec="milliseconds")
