"""Events of questions: what people are asked, until when, and what they answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from llmos_nb.journal.events.base import Fact, key


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked(Fact):
    """A person is asked: to approve a call or a plan, or what the model wants to know.

    Parameters
    ----------
    question : str
        The call, ``plan:{version}``, or ``rebuild``.
    about : {"approval", "plan", "question", "rebuild"}
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
        What it uses: the name of a variable, or of anything ``[name, change, origin]``.
    origins : dict of str to str, optional
        Where each argument comes from.
    looked : list of str
        Tools whose records were looked up.
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
    """

    kind: ClassVar[str] = "question.asked"
    question: str
    about: Literal["approval", "plan", "question", "rebuild"] = key("kind")
    text: str
    title: str = ""
    digest: str | None = None
    risks: list[list[str]] | None = None
    reads: list[Any] | None = None
    writes: list[Any] | None = None
    origins: dict[str, str] | None = None
    looked: list[str] = field(default_factory=list)
    shows: str = ""
    each_time: bool = False
    approvers: list[str] = field(default_factory=list)
    until: str = ""
    then: Literal["", "reject", "escalate"] = ""
    escalate: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDue(Fact):
    """The deadline of a question has passed.

    Parameters
    ----------
    question : str
        The question.
    """

    kind: ClassVar[str] = "question.due"
    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
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

    kind: ClassVar[str] = "question.escalated"
    question: str
    to: list[str]
    approvers: list[str] = field(default_factory=list)
    until: str = ""
    then: Literal["", "reject", "escalate"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered(Fact):
    """Somebody answered what the model wanted to know.

    Parameters
    ----------
    question : str
        The question.
    text : str
        The answer.
    by : str
        Who answered.
    """

    kind: ClassVar[str] = "question.answered"
    question: str
    text: str
    by: str
