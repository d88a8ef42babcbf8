"""Budgets: steps, calls, tokens, money and seconds, as the user types them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from llmos_nb.errors import UsageError, nearest

UNITS = ("steps", "calls", "tokens", "$", "s")
DEFAULT = "50 steps, 200 calls, 1m tokens, 60 min"
WARN_AT = 0.8
_TYPED = "steps, calls, tokens, $, s, min, h"
_NAMES = {"step": "steps", "call": "calls", "token": "tokens", "dollar": "$", "dollars": "$", "usd": "$"}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hour", "hours"), 3600),
}
_KNOWN = (*UNITS, "min", "h")
_ITEM = re.compile(r"^\+?\s*(\$)?\s*(\d+(?:\.\d+)?|\.\d+)\s*([kKmM](?![a-zA-Z]))?\s*(\$|[a-zA-Z]*)$")


@dataclass(frozen=True)
class Budget:
    """Upper bounds by unit; a unit that is missing has no bound.

    Parameters
    ----------
    limits : dict
        ``{"steps": 20.0, "tokens": 50000.0, "$": 0.5, "s": 180.0}``; time in seconds.
    """

    limits: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # in one order, however it was typed, so that a journal gives the same words again
        object.__setattr__(self, "limits", dict(sorted(self.limits.items(), key=lambda item: _place(item[0]))))

    def over(self, spent: Mapping[str, float]) -> str:
        """Return the first unit that is used up, or an empty text."""
        return next((u for u, top in self.limits.items() if spent.get(u, 0) >= top), "")

    def near(self, spent: Mapping[str, float]) -> list[str]:
        """Name the units of which 80 % are used."""
        return [u for u, top in self.limits.items() if spent.get(u, 0) >= WARN_AT * top]

    def left(self, unit: str, spent: Mapping[str, float]) -> float:
        """Return what is left of a unit; infinity where it has no bound."""
        return self.limits.get(unit, float("inf")) - spent.get(unit, 0)

    def plus(self, more: Budget) -> Budget:
        """Raise the bounds by another budget."""
        return Budget({**self.limits, **{u: self.limits.get(u, 0) + v for u, v in more.limits.items()}})

    def within(self, default: Budget) -> Budget:
        """Fill the units that were not typed from `default`."""
        return Budget({**default.limits, **self.limits})

    def __str__(self) -> str:
        return ", ".join(show(u, v) for u, v in self.limits.items())


def _place(unit: str) -> tuple[int, str]:
    return (UNITS.index(unit) if unit in UNITS else len(UNITS)), unit


def show(unit: str, amount: float) -> str:
    """Say an amount with its unit: ``20 steps``, ``$0.50``, ``3 min``; of a long odd time, about how many minutes."""
    if unit == "$":
        return f"${amount:.2f}" if amount >= 0.01 or not amount else f"${amount:.4f}"
    if unit == "s" and amount >= 60 and (amount >= 600 or amount % 60 == 0):
        return f"{round(amount / 60, 1):g} min"
    return f"{amount:,.0f} {unit}" if unit != "s" and amount >= 10_000 else f"{amount:g} {unit}"


def parse(text: str | Budget | Mapping[str, float] | None, what: str = "budget") -> Budget:
    """Read ``'20 steps, 50k tokens, $0.50, 3 min'``.

    Raises
    ------
    UsageError
        Names the option, the part and the units there are.
    """
    if text is None or isinstance(text, Budget):
        return text or Budget()
    if isinstance(text, Mapping):
        return Budget({str(k): float(v) for k, v in text.items()})
    if not isinstance(text, str):
        raise UsageError(f"{what} {text!r}: must be a text, as in {DEFAULT!r}")
    limits: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        unit, amount = _item(part, what)
        limits[unit] = limits.get(unit, 0) + amount
    if not limits:
        raise UsageError(f"{what} {text!r}: no amount; write for example '20 steps, $0.50, 3 min'")
    return Budget(limits)


def _item(part: str, what: str) -> tuple[str, float]:
    if not (found := _ITEM.match(part)):
        raise UsageError(f"{what} {part!r}: not an amount with a unit ({_TYPED})")
    dollar, number, scale, word = found.groups()
    amount = float(number) * {"k": 1e3, "m": 1e6}.get((scale or "").lower(), 1)
    unit = "$" if dollar else _NAMES.get(word.lower(), word.lower())
    if dollar and word:
        raise UsageError(f"{what} {part!r}: both $ and {word!r}; write one unit")
    if unit in _SECONDS:
        unit, amount = "s", amount * _SECONDS[unit]
    if unit not in UNITS:
        if not word:
            raise UsageError(f"{what} {part!r}: of what? write '{part} steps', or another unit ({_TYPED})")
        raise UsageError(f"{what} {part!r}: unknown unit {word!r} ({_TYPED}){nearest(word, _KNOWN, 1)}")
    if amount <= 0:
        raise UsageError(f"{what} {part!r}: must be more than 0")
    return unit, amount
