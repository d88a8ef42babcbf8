"""Who decided, as a typed value: no name that a person has can be taken for a mode, a rule or a check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Required, TypedDict, cast, get_args

Kind = Literal["person", "mode", "rule", "plan", "commitment", "check", "approver", "model", "process", "unknown"]
_KINDS = frozenset(get_args(Kind))
_NUMBERED = ("rule",)  # whose name is a number that something is looked up by
_SAID = {  # with a name, and without one
    "person": ("{}", "nobody"),
    "mode": ("the mode {}", "the mode"),
    "rule": ("rule {}", "a rule"),
    "plan": ("the approved plan", "the approved plan"),
    "commitment": ("act {} of the plan", "an act of the plan"),
    "approver": ("the approver {}", "an approver"),
    "model": ("the model", "the model"),
    "unknown": ("somebody unknown ({})", "nobody"),
}
_CHECKS = {
    "": "a check",
    "schema": "the check of its arguments",
    "acts": "the check of its acts",
    "repeat": "the check for repeats",
    "conflict": "the check for conflicts",
    "label": "the check of labels",
    "tools": "the check of tools",
    "tests": "the check of tests",
}  # any other check is named by what it looks at: the budget, the deadline, the journal


class DeciderData(TypedDict, total=False):
    """A decider as it stands in a line.

    Attributes
    ----------
    kind : str
        What it is.
    name : str
        Which of its kind; left out where that is empty.
    """

    kind: Required[str]
    name: str


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decided something, proposed it, or said it.

    Parameters
    ----------
    kind : str
        What it is: a ``person``; a ``mode``, a ``rule``, the ``plan`` that was approved, a ``commitment`` (an act of
        it); a ``check`` that the gate makes by itself; an ``approver`` that was handed in; the ``model``, which only
        proposes; a ``process`` (this one, another, a batch, code of a step). What a former version wrote and nobody
        can read is ``unknown``.
    name : str
        A person's, where ``you`` is whoever sits at the notebook; the mode's, the approver's or the check's; the
        number of a rule, an act or a process; of what is unknown, the words that stand there.
    """

    kind: Kind
    name: str = ""

    def __bool__(self) -> bool:
        return self != NO_ONE

    @property
    def is_person(self) -> bool:
        """Whether a person did."""
        return self.kind == "person"

    @property
    def looked(self) -> bool:
        """Whether somebody has looked at this very thing: a person, or an approver of theirs."""
        return self.kind in ("person", "approver")

    @property
    def in_advance(self) -> bool:
        """Whether nobody was asked: a mode, a rule, the plan or an act of it lets such calls through."""
        return self.kind in ("mode", "rule", "plan", "commitment")

    @property
    def to_mend(self) -> bool:
        """Whether a check sends a call back to the model, and nobody is against it."""
        return self.kind == "check" and self.name not in ("deadline", "label")

    def describe(self, user: str = "you") -> str:
        """Say who it is; `user` is what whoever sits at the notebook is called there."""
        name = self.name
        if self in (YOU, WORDS):
            own = "your own words" if user == "you" else f"{user}'s own words"
            return user if self == YOU else own
        if self.kind == "check":
            return _CHECKS.get(name, f"the {name}")
        numbered = "{}" if self.kind != "process" or not name.isdecimal() else "process {}"
        said, alone = _SAID.get(self.kind, (numbered, "the process"))
        return said.format(name) if name else alone

    def plain(self) -> DeciderData:
        """Return it as it stands in a line."""
        return {"kind": self.kind, "name": self.name} if self.name else {"kind": self.kind}

    @classmethod
    def parse(cls, data: Any) -> Decider:
        """Read what `plain` returned.

        Raises
        ------
        ValueError
            It is none.
        """
        kind, name = (data.get("kind"), data.get("name", "")) if isinstance(data, dict) else (None, "")
        if kind not in _KINDS or not isinstance(name, str) or (kind in _NUMBERED and not name.isdecimal()):
            raise ValueError(f"{data!r:.60} is nobody who decides")
        return cls(cast("Kind", kind), name)


YOU, PLAN, MODEL = Decider("person", "you"), Decider("plan"), Decider("model")
WORDS = Decider("commitment", "words")  # of the user, of former versions
NO_ONE = Decider("unknown")
INTERRUPT = Decider("process", "an interrupt")  # whoever restarts sends one, too: nobody need have pressed Stop
SCHEMA, REPEAT, BUDGET, CONFLICT, DEADLINE, TESTS = (
    Decider("check", name) for name in ("schema", "repeat", "budget", "conflict", "deadline", "tests")
)


def person(by: str | Decider) -> Decider:
    """Return the person of a name, whatever that looks like; a decider is what it is."""
    return by if isinstance(by, Decider) else Decider("person", by) if by else NO_ONE


# Versions 1 and 2 of the format wrote one text, in which the first word, or what stood before a colon, was the kind.
_PROCESSES = ("the batch", "the notebook", "the service", "the end of the interpreter", "retention", "a step")
_ALONE = {
    "plan": PLAN,
    "model": MODEL,
    "words": WORDS,
    "act": Decider("commitment"),
    "process": Decider("process"),
    "the process": Decider("process"),
    "the journal": Decider("check", "journal"),
    **{name: Decider("process", name) for name in _PROCESSES},
    **{
        name: Decider("check", name)
        for name in ("budget", "deadline", "predicted", "reconcile", *filter(None, _CHECKS))
    },
}
_BEFORE: dict[str, Kind] = {"mode": "mode", "rule": "rule", "act": "commitment", "approver": "approver"}


def former(text: str) -> Decider:
    """Read who decided from the text of a former version; what it does not know is unknown, and never a person."""
    kind, colon, name = text.partition(":")
    if colon:
        numbered = kind not in ("rule", "act") or name.isdecimal()
        known = _BEFORE.get(kind) if name and numbered else None
        return Decider(known, name) if known else Decider("unknown", text)
    word, _, number = text.partition(" ")
    if word == "process" and number.isdecimal():
        return Decider("process", number)
    return _ALONE.get(text) or person(text)


def _typed(d: Mapping[str, Any]) -> dict[str, Any]:
    """Return data whose `by` is a text as it is written now."""
    return {**d, "by": former(d["by"]).plain()} if isinstance(d.get("by"), str) else dict(d)


def typed(d: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a line of a former version as it is written now: its own `by`, and that of its acts."""
    made = _typed(d)
    if isinstance(acts := made.get("acts"), list) and all(isinstance(a, dict) for a in acts):
        made["acts"] = [_typed(a) for a in acts]
    if isinstance(steps := made.get("steps"), list):
        made["steps"] = [typed(s) if isinstance(s, dict) else s for s in steps]
    return made


__all__ = [
    "INTERRUPT", "MODEL", "NO_ONE", "PLAN", "YOU", "Decider", "DeciderData", "Kind", "former", "person", "typed",
]  # fmt: skip
