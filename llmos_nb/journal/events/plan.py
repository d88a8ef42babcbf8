"""Events of the plan: proposed, edited, decided, and each step compared with what it expected."""

from __future__ import annotations

from dataclasses import field
from typing import Literal, Required, TypedDict

from llmos_nb.journal.events.act import ActData
from llmos_nb.journal.events.base import Fact, event
from llmos_nb.journal.events.decider import Decider


class StepData(TypedDict, total=False):
    """A step of a plan; what is empty is left out.

    Attributes
    ----------
    n : int
        Its number, which it keeps.
    title, expect, code, check, hint : str
        What is to be done, what it should show, code for it, an expression that must hold, and a hint for the model.
    depends_on : list of int
        Steps that must be over before.
    tools : list of str
        Tools that it says it needs, of which an approval covers one call each.
    status : str
        ``pending, running, waiting, done, failed, skipped, rejected, replaced``; pending where it is left out.
    why : str
        Of a rejected one: the reason given.
    acts : list of ActData
        What it commits to.
    """

    n: Required[int]
    title: Required[str]
    expect: str
    code: str
    check: str
    hint: str
    depends_on: list[int]
    tools: list[str]
    status: str
    why: str
    acts: list[ActData]


@event("plan.proposed")
class PlanProposed(Fact):
    """The first plan of a process.

    Parameters
    ----------
    version : int
        Of the plan; each edit has the next.
    steps : list of StepData
        All of them, in order.
    by : Decider
        The model, or a person. Former versions gave a process without a plan one of one step, by the process, which
        nobody had made; it is not taken in.
    call : str
        The model's call that proposed it.
    """

    version: int
    steps: list[StepData]
    by: Decider
    call: str = ""


@event("plan.edited")
class PlanEdited(Fact):
    """The plan as it is after the model planned again, or somebody edited it.

    Parameters
    ----------
    version, steps, by, call
        As in `PlanProposed`.
    """

    version: int
    steps: list[StepData]
    by: Decider
    call: str = ""


@event("plan.decided")
class PlanDecided(Fact):
    """Somebody, or the mode, decided on the plan.

    Parameters
    ----------
    version : int
        The plan that was decided on.
    what : {"approve", "reject"}
        What was decided.
    envelope : dict of str to int
        How many calls of each tool the approval covers.
    by : Decider
        Who did.
    why : str
        The reason given, for the model.
    without : list of int
        Acts that are not approved.
    upto : int
        The last step that is approved: each after it asks before its first call; 0 where all are.
    """

    version: int
    what: Literal["approve", "reject"]
    envelope: dict[str, int]
    by: Decider
    why: str
    without: list[int] = field(default_factory=list)
    upto: int = 0


@event("step.integrated")
class StepIntegrated(Fact):
    """What the calls of a turn showed was compared with what their step expected.

    Parameters
    ----------
    step : int
        The step; in former versions 0 where the calls belong to none.
    met : bool
        Whether all went well and the step's check held.
    evidence : str
        What was seen, in a line.
    status : str
        What the step is now, where it is neither ``done`` nor ``failed``.
    detail : str
        Why it was not met, for the model.
    compared : str
        The expression that was evaluated; empty where nothing was compared.
    found : str
        What it gave where it was not met, for people.
    """

    step: int
    met: bool
    evidence: str
    status: str = ""
    detail: str = ""
    compared: str = ""
    found: str = ""
