"""Events of the answer: what its expressions gave, and what its checks found."""

from __future__ import annotations

from typing import Any

from llmos_nb.journal.events.base import Fact, event


@event("check.finished")
class CheckFinished(Fact):
    """A check of the answer was made.

    Parameters
    ----------
    check : str
        ``outputs``, or the user's own: its expression or name; ``grounded`` of former versions.
    held : bool
        Whether it held.
    detail : str
        What was found.
    missing : list of str, optional
        Of ``grounded``: the numbers that were in no observation.
    """

    check: str
    held: bool
    detail: str
    missing: list[str] | None = None


@event("answer.computed")
class AnswerComputed(Fact):
    """The expressions of an answer were evaluated.

    Parameters
    ----------
    answer : str
        The answer with what they gave in their places; what failed stands as code.
    values : list of dict
        ``{"start", "text", "code", "format"}`` of each value that was read from the variables: where it stands in
        `answer`, as what, the expression, and by which format its text came about (former versions have none). Under
        ``changes`` stand names that the expression changed in the copy in which it was evaluated, where it did, under
        ``shown`` what stands in `answer`, where that is another text: a bar in a table has a backslash; ``own`` is
        true where all that it read was made of literals of the model's own code; ``content`` is that of a table.
    errors : list of str
        What failed, with the reason.
    place : dict, optional
        ``notebook`` and ``n``: where that was done in the order of its cells and steps, where that is recorded.
    """

    answer: str
    values: list[dict[str, Any]]
    errors: list[str]
    place: dict[str, Any] | None = None
