"""Events of commitments: an act that a call has used, and acts that went to another process."""

from __future__ import annotations

from typing import Any, Required, TypedDict

from llmos_nb.journal.events.base import Fact, event
from llmos_nb.journal.events.decider import DeciderData


class ActData(TypedDict, total=False):
    """An act that a plan, or a person, commits to; what is empty is left out.

    Attributes
    ----------
    n : int
        Its number, which it keeps.
    text : str
        The act as an expression.
    kind : str
        ``bound, delegated, open, invented``: who chooses what.
    says, why, choice : str
        The act in words; why it is of its class; what data picks among what is allowed.
    chosen : dict of str to str
        By argument, who chooses its value.
    by : dict
        The model, or the person who gave it, as `Decider.plain` writes them.
    """

    n: Required[int]
    text: Required[str]
    kind: Required[str]
    says: str
    why: str
    choice: str
    chosen: dict[str, str]
    by: DeciderData


@event("act.used")
class ActUsed(Fact):
    """A call is one of those that an act stands for.

    Parameters
    ----------
    call : str
        The call; of a fork, ``PID:CALL`` is one that its parent made.
    act : int
        The act's number.
    item : int, optional
        Which of the act's items it is for.
    items : list, optional
        All items, with the first use: they stay as they are from then on.
    """

    call: str
    act: int
    item: int | None = None
    items: list[Any] | None = None


@event("act.moved")
class ActsMoved(Fact):
    """Acts are another process's from now on, or nobody's.

    Parameters
    ----------
    acts : list of int
        Their numbers.
    to : int
        The process that has them; 0 for none.
    """

    acts: list[int]
    to: int = 0
