"""What the gate finds out about a call before it decides: what a device says of it, and what the gate adds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from llmos_nb.policy import Cover


@dataclass(frozen=True, slots=True)
class Findings:
    """What a call would do, and what covers it.

    Parameters
    ----------
    level : {"read", "namespace", "risky"}
        How far it reaches.
    title, why : str
        The call in a few words, and the sentence with which a person is asked.
    risks : tuple of (str, str)
        Kind and sentence of each.
    reads, writes : tuple of str
        Variables that it uses.
    lent : tuple of str, optional
        Of `reads`, those of which nobody can say that they stay; None where nobody looked.
    absent : tuple of str, optional
        Of `reads`, the variables that are not there; None where nobody looked.
    imports : tuple of (str, str)
        Of `writes`, those that only imports bind, with the dotted name of what is imported.
    everything : bool
        Whether it may read any variable.
    exact : bool
        `reads` are all variables that it reads, so that other words of its arguments name none.
    sources : tuple of (str, str, str)
        Kind, what, and target of what it takes from outside; the target may be empty.
    files : tuple of str
        Files that it writes; empty for one whose name is known when it runs.
    predicted : tuple of (str, str)
        Kind of each risk, and its target as the code spells it; empty where it is known when it runs.
    unseen : tuple of (str, str)
        Kind and target of effects that nothing will tell when they happen.
    shows : str
        What would change, such as a diff.
    state : str, optional
        Digest of what the device would act on, to which an approval is bound.
    failing : str
        Which tests of what would be committed did not pass.
    each_time : bool
        Whether a person decides each time, whatever rules say.
    cover : Cover, optional
        What the commitments of the process say of it; None where there are none.
    use : dict, optional
        The act that it would use: the data of `ActUsed`, without the call.
    trace : callable
        Returns where each argument comes from; called only where somebody is told, since it reads all results.
    at : int
        When that was found out, in nanoseconds.
    """

    level: str = "risky"
    title: str = ""
    why: str = ""
    risks: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    lent: tuple[str, ...] | None = None
    absent: tuple[str, ...] | None = None
    imports: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    exact: bool = False
    sources: tuple[tuple[str, str, str], ...] = ()
    files: tuple[str, ...] = ()
    predicted: tuple[tuple[str, str], ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()
    shows: str = ""
    state: str | None = None
    failing: str = ""
    each_time: bool = False
    cover: Cover | None = None
    use: Mapping[str, Any] | None = None
    trace: Callable[[], Mapping[str, str]] = field(default=dict, compare=False)
    at: int = field(default_factory=time.time_ns, compare=False)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Findings:
        """Read what a device says of a call."""
        lists = ("reads", "writes", "files")
        pairs = ("risks", "sources", "imports", "predicted", "unseen")
        single = ("level", "title", "why", "everything", "exact", "shows", "failing", "each_time")
        given = {k: said[k] for k in single if k in said}
        given |= {k: tuple(said.get(k, ())) for k in lists}
        given |= {k: tuple(map(tuple, said.get(k, ()))) for k in pairs}
        given |= {k: tuple(said[k]) for k in ("lent", "absent") if k in said}
        return cls(**given, state=str(said["state"]) if "state" in said else None)

    @property
    def names(self) -> tuple[str, ...]:
        """The variables that it uses."""
        return (*self.reads, *self.writes)

    @property
    def origins(self) -> dict[str, str]:
        """Where each argument comes from."""
        return dict(self.trace())

    def add(self, risks: Iterable[tuple[str, str]], first: bool = False, **changes: Any) -> Findings:
        """Return the same with further risks, and other changes."""
        told = tuple(risks)
        return replace(self, risks=(*told, *self.risks) if first else (*self.risks, *told), **changes)
