"""Events of questions: what people are asked, until when, and what they answered."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from llmos_nb.journal.events.base import Fact, event, key
from llmos_nb.journal.events.decider import Decider


@event("question.asked")
class QuestionAsked(Fact):
    """A person is asked: to approve a call or a plan, or what the model wants to know.

    Parameters
    ----------
    question : str
        The call, ``plan:{version}``, ``rebuild``, or ``{call}!{n}`` of an effect.
    about : {"approval", "plan", "question", "rebuild", "effect"}
        What is asked for (the key is ``kind``).
    text : str
        Why it asks, or the model's question.
    title : str
        What the call would do, in a few words.
    digest : str, optional
        What an approval is bound to.
    risks : list of list of str, optional
        ``[kind, sentence]`` of each.
    reads, writes : list, optional
        What it uses: names of variables, or of tables.
    lent : list of str, optional
        Of `reads`, the variables that the call may change, although its text does not tell; None where nobody looked.
    absent : list of str, optional
        Of `reads`, the variables that were not there when it was asked; None where nobody looked.
    origins : dict of str to str, optional
        Where each argument comes from.
    looked : list of str
        Of former versions: tools whose records were looked up.
    shows : str
        What would change, such as a diff.
    each_time : bool
        Whether no rule can approve the like in advance.
    approvers : list of str
        Who may approve; empty for anybody.
    until : str
        ISO 8601 time until which it waits; empty for any time.
    then : {"", "reject", "escalate"}
        What happens then.
    escalate : list of str
        Who may approve after that.
    call : str
        Of an effect: the call that is about to have it.
    effect : list of str
        Its kind, and what a decision on it is about.
    danger : bool
        Whether data of others was read before.
    foreign : list of dict
        Values that decide where it goes and that others wrote: ``argument, value, call, source`` of each.
    so_far : list of list of str
        Of an effect: what the call has done before it, and why that was let through.
    line, place : int, str
        Of an effect: the line of the step's code that stands still, and where in other files that is.
    act : dict, optional
        The act that an approved call would use: the data of `ActUsed`, without the call.
    arguments : dict, optional
        The call's arguments as they are from now on, where these are others than before.
    """

    question: str
    about: Literal["approval", "plan", "question", "rebuild", "effect"] = key("kind")
    text: str
    title: str = ""
    digest: str | None = None
    risks: list[list[str]] | None = None
    reads: list[str] | None = None
    writes: list[str] | None = None
    lent: list[str] | None = None
    absent: list[str] | None = None
    origins: dict[str, str] | None = None
    looked: list[str] = field(default_factory=list)
    shows: str = ""
    each_time: bool = False
    approvers: list[str] = field(default_factory=list)
    until: str = ""
    then: Literal["", "reject", "escalate"] = ""
    escalate: list[str] = field(default_factory=list)
    call: str = ""
    effect: list[str] = field(default_factory=list)
    danger: bool = False
    foreign: list[dict[str, str]] = field(default_factory=list)
    so_far: list[list[str]] = field(default_factory=list)
    line: int = 0
    place: str = ""
    act: dict[str, Any] | None = None
    arguments: dict[str, Any] | None = None


@event("question.due")
class QuestionDue(Fact):
    """The deadline of a question has passed.

    Parameters
    ----------
    question : str
        The question.
    """

    question: str


@event("question.escalated")
class QuestionEscalated(Fact):
    """Others may decide now.

    Parameters
    ----------
    question : str
        The question.
    to : list of str
        Who may.
    approvers, until, then
        As in `QuestionAsked`.
    """

    question: str
    to: list[str]
    approvers: list[str] = field(default_factory=list)
    until: str = ""
    then: Literal["", "reject", "escalate"] = ""


@event("question.answered")
class QuestionAnswered(Fact):
    """Somebody answered what the model wanted to know.

    Parameters
    ----------
    question : str
        The question.
    text : str
        The answer.
    by : Decider
        Who answered.
    """

    question: str
    text: str
    by: Decider


@event("effect.decided")
class EffectDecided(Fact):
    """Somebody decided on what a step was about to do outside.

    Parameters
    ----------
    question : str
        The question.
    call : str
        The call.
    effect : list of str
        Kind of the effect, and what was decided on: a path, a host, a program.
    what : {"allow", "refuse"}
        What was decided.
    scope : {"once", "process"}
        Whether it speaks for later steps of the process, too.
    by : Decider
        Who decided.
    why : str
        The reason, for the model.
    """

    question: str
    call: str
    effect: list[str]
    what: Literal["allow", "refuse"]
    scope: Literal["once", "process"]
    by: Decider
    why: str = ""
