"""How long what stands on disk is kept: ``[retention]`` in `llmos.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from llmos_nb.errors import ConfigError, nearest


@dataclass(frozen=True)
class Retention:
    """What is kept, and how long; None for ever.

    Parameters
    ----------
    payload_days : float, optional
        Days after a run's end for which its payloads (large results, images) are kept.
    runs_days : float, optional
        Days after a run's end for which the run is kept at all.
    keep : int
        So many of the newest runs are kept whole, however old.
    """

    payload_days: float | None = None
    runs_days: float | None = None
    keep: int = 0

    @property
    def ends(self) -> bool:
        """Whether anything goes at all."""
        return self.payload_days is not None or self.runs_days is not None

    def within(self, other: Retention) -> Retention:
        """Return what keeps no longer than either; where one keeps for ever, the other speaks."""
        if not other.ends:
            return self
        if not self.ends:
            return other
        days = [_least(getattr(self, n), getattr(other, n)) for n in ("payload_days", "runs_days")]
        return Retention(days[0], days[1], min(self.keep, other.keep))


KEEP_ALL = Retention()


def _least(one: float | None, two: float | None) -> float | None:
    given = [d for d in (one, two) if d is not None]
    return min(given) if given else None


def parse_retention(raw: Any, where: str = "retention") -> Retention:
    """Read the table.

    Raises
    ------
    ConfigError
        Names the key, and what it may hold.
    """
    known = [f.name for f in fields(Retention)]
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{where}: must be a table with {', '.join(known)}")
    given = {k: v for k, v in raw.items() if v is not None}
    for key, value in given.items():
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{nearest(str(key), known)}")
        number = isinstance(value, int if key == "keep" else int | float) and not isinstance(value, bool)
        if not number or value < 0:
            what = "a whole number of runs" if key == "keep" else "a number of days"
            raise ConfigError(f"{where}: {key} must be {what}, not {value!r}")
    return Retention(**given)
