"""Who may approve, and until when: what `[approval]` in `llmos.toml` says, as plain data. Pure but for `now`.

A deadline reaches `decide` as an event (`question.due`), which whoever holds the clock writes: a timer of the process's
loop, or the next verb, load or resume after it has passed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from llmos_nb.errors import ConfigError, check_keys

Question = Mapping[str, Any]
_KEYS = ("other", "approvers", "deadline", "then", "escalate", "by")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")


@dataclass(frozen=True)
class Approval:
    """What is asked of an approval.

    Parameters
    ----------
    other : bool
        Whoever started a process may not approve what it asks.
    approvers : tuple of str
        Who may; empty for anybody.
    deadline_s : float
        Seconds that a question waits; 0 for any time.
    then : {"reject", "escalate"}
        What happens when they have passed.
    escalate : tuple of str
        Who may approve after that, for as long again; then it is rejected.
    by : tuple of str
        Installed approvers (entry points ``llmos_nb.approvers``) that are asked before a person.
    """

    other: bool = False
    approvers: tuple[str, ...] = ()
    deadline_s: float = 0.0
    then: str = "reject"
    escalate: tuple[str, ...] = ()
    by: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return what is asked of a person as plain data; nothing where nothing is asked."""
        if replace(self, by=()) == NONE:
            return {}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if k != "by"}


NONE = Approval()


def parse(raw: Any, where: str) -> Approval:
    """Read ``[approval]``.

    Raises
    ------
    ConfigError
        Names the key and what it may hold.
    """
    if not isinstance(raw, dict):
        raise ConfigError(f"{where} must be a table with {', '.join(_KEYS)}")
    check_keys(raw, _KEYS, where, ConfigError)
    names = {k: _names(raw.get(k, ()), f"{where}: {k}") for k in ("approvers", "escalate", "by")}
    then, other = raw.get("then", "reject"), raw.get("other", False)
    if then not in ("reject", "escalate"):
        raise ConfigError(f"{where}: then = {then!r} must be reject or escalate")
    if not isinstance(other, bool):
        raise ConfigError(f"{where}: other = {other!r} must be true or false")
    deadline_s = _seconds(raw["deadline"], f"{where}: deadline") if "deadline" in raw else 0.0
    if then == "escalate" and not (names["escalate"] and deadline_s):
        raise ConfigError(f'{where}: then = "escalate" needs a deadline, and escalate = ["who"]')
    return Approval(other, names["approvers"], deadline_s, then, names["escalate"], names["by"])


def _names(raw: Any, where: str) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(n, str) and n.strip() for n in raw):
        raise ConfigError(f'{where} = {raw!r} must be a list of names, as in ["anna", "bob"]')
    return tuple(n.strip() for n in raw)


def _seconds(raw: Any, where: str) -> float:
    found = _TIME.fullmatch(str(raw).strip())
    if found is None or not float(found[1]):
        raise ConfigError(f'{where} = {raw!r} must be a time with s, min, h or d, as in "2 d"')
    return float(found[1]) * _SECONDS[found[2]]


def tighter(mine: Approval, org: Approval) -> Approval:
    """Join a user's settings with those of the organisation, which can only be tightened."""
    shared = tuple(n for n in mine.approvers if n in org.approvers) if mine.approvers else org.approvers
    approvers = (shared or org.approvers) if org.approvers else mine.approvers
    by = tuple(dict.fromkeys([*org.by, *mine.by]))
    both = replace(mine, other=mine.other or org.other, approvers=approvers, by=by)
    if not org.deadline_s:
        return both
    deadline_s = min(mine.deadline_s or org.deadline_s, org.deadline_s)
    return replace(both, deadline_s=deadline_s, then=org.then, escalate=org.escalate)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def bounds(rule: Mapping[str, Any], to: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what a question that is asked now bears: until when it waits, what then, and who may decide."""
    found: dict[str, Any] = {}
    if who := list(to or rule.get("approvers", ())):
        found["approvers"] = who
    if rule.get("deadline_s"):
        until = now() + timedelta(seconds=float(rule["deadline_s"]))
        found |= {"until": until.isoformat(timespec="milliseconds"), "then": "reject" if to else rule["then"]}
        if found["then"] == "escalate":
            found["escalate"] = list(rule["escalate"])
    return found


def late(question: Question) -> bool:
    """Return whether the deadline of a question has passed."""
    return bool(question.get("until")) and now() >= datetime.fromisoformat(question["until"])


def left_s(question: Question) -> float | None:
    """Return the seconds until a question's deadline; None where it has none, or is known to be over."""
    if not question.get("until") or question.get("due"):
        return None
    return (datetime.fromisoformat(question["until"]) - now()).total_seconds()


def until_words(question: Question) -> str:
    """Say until when a question waits, in the local time of whoever reads it: ``until Friday 10:00, then …``."""
    if not question.get("until"):
        return ""
    when = datetime.fromisoformat(question["until"]).astimezone()
    who = f"{' or '.join(question.get('escalate', ()))} may decide"
    then = who if question.get("then") == "escalate" else "it is rejected"
    return f"until {when:%A} {when.day} {when:%B} {when:%H:%M}, then {then}"


def wanted(question: Question) -> str:
    """Say what an open question or a wait is for, and until when."""
    until = until_words(question).partition(",")[0]
    return str(question.get("title") or question["kind"]) + (f" {until}" if until else "")


def who_words(question: Question) -> str:
    """Say who may approve, where not everybody may."""
    names = [str(n) for n in question.get("approvers", ())]
    return f"{' or '.join(names)} must approve it" if names else ""
