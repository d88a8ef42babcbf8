"""How long a model may be silent before an attempt fails: before its first word, and between two."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from llmos_nb.models.catalogue import thinks

SILENCE_S, LONGEST_S, GROWS = 12.0, 300.0, 4
THINKS_S, PAUSES_S = 600.0, 60.0  # of a model that thinks: before its first word, and between two
_silent: dict[str, float] = {}  # by endpoint and model, what was not enough; a process does not begin anew


@runtime_checkable
class Patient(Protocol):
    """A model whose silence is bounded; by None as is known of it."""

    stall_s: float | None


class Patience:
    """The patience with one model at one place.

    Parameters
    ----------
    by : str
        The place and the model.
    name : str
        The model.
    given_s : float, optional
        What somebody has set, in place of what is known.
    """

    def __init__(self, by: str, name: str, given_s: float | None = None) -> None:
        self._by, thinking = by, thinks(name)
        self.between_s = given_s or max(PAUSES_S if thinking else SILENCE_S, _silent.get(by, 0.0))
        self.first_s = given_s or max(THINKS_S if thinking else SILENCE_S, self.between_s)

    def after(self, begun: bool) -> float:
        """Return the seconds of silence that are borne, once an answer has begun or before."""
        return self.between_s if begun else self.first_s

    def ended(self, begun: bool) -> float:
        """Return how long was waited in vain; the next attempt is given more time."""
        waited = self.after(begun)
        self.between_s = _silent[self._by] = max(self.between_s, min(waited * GROWS, LONGEST_S))
        self.first_s = max(self.first_s, self.between_s)
        return waited
