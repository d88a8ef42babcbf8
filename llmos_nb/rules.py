"""Rules: what is allowed, asked for or denied by name, whatever the mode says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from llmos_nb.errors import UsageError, nearest

if TYPE_CHECKING:
    from llmos_nb.policy import Act

Verdict = Literal["allow", "ask", "deny"]


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
        Argument name to the value it must equal (or an explicit glob for texts).
    until : str
        ISO 8601 time after which the rule no longer speaks; empty for ever.
    count : int
        How often it may let through; 0 for any number.
    by : str
        Who made it.
    risks : tuple of str
        Kinds of risk it covers; a call that bears another is not spoken of. Empty for any.
    """

    tool: str
    do: Verdict
    where: Mapping[str, Any] = field(default_factory=dict)
    until: str = ""
    count: int = 0
    by: str = "you"
    risks: tuple[str, ...] = ()

    def matches(self, act: Act, at: str, used: int) -> bool:
        """Tell whether the rule speaks of this call."""
        if not (fnmatchcase(act.tool, self.tool) if "*" in self.tool else act.tool == self.tool):
            return False
        if (self.until and at > self.until) or (self.count and used >= self.count):
            return False
        if self.risks and not act.kinds <= set(self.risks):
            return False
        return all(k in act.arguments and _equal(act.arguments[k], v) for k, v in self.where.items())

    def plain(self) -> dict[str, Any]:
        """Give the rule as plain data."""
        return {**asdict(self), "where": dict(self.where), "risks": list(self.risks)}


def _equal(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, str) and "*" in wanted:
        return isinstance(got, str) and fnmatchcase(got, wanted)
    return type(got) is type(wanted) and bool(got == wanted)


def parse_rule(raw: Mapping[str, Any], where: str = "policy.rules") -> Rule:
    """Read a rule from `llmos.toml` or a command."""
    known = ("tool", "where", "do", "until", "count", "by", "risks")
    for key in raw:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    if raw.get("do") not in ("allow", "ask", "deny"):
        raise UsageError(f"{where}: do = {raw.get('do')!r} must be allow, ask or deny")
    if not isinstance(raw.get("tool"), str):
        raise UsageError(f"{where}: tool must be a name, or a glob with *")
    return Rule(
        raw["tool"],
        raw["do"],
        dict(raw.get("where") or {}),
        str(raw.get("until") or ""),
        int(raw.get("count") or 0),
        str(raw.get("by") or "you"),
        tuple(map(str, raw.get("risks") or ())),
    )
