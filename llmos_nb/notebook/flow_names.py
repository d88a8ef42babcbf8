"""The names that a statement touches."""

from __future__ import annotations

from dataclasses import dataclass, field

CWD = "$cwd"


@dataclass
class Flow:
    """Names that a statement touches.

    Parameters
    ----------
    reads : set of str
        Global names whose value it uses.
    binds : set of str
        Names it gives a value, perhaps only on one branch.
    kills : set of str
        Those of `binds` that it surely rebinds, so that what stood there before is of no matter.
    mutates : set of str
        Names whose object it may change in place.
    imports : set of str
        Names that it binds to modules or to what they hold.
    passes : list of (str, set of str)
        Plain names handed to a function that may be the user's.
    late : dict
        By function or class: what its body will do when it is called.
    aliases : list of (str, str)
        Names that may stand for the same object from here on.
    whole : bool
        It may touch every name (`exec`, `globals`, a star import).
    """

    reads: set[str] = field(default_factory=set)
    binds: set[str] = field(default_factory=set)
    kills: set[str] = field(default_factory=set)
    mutates: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    passes: list[tuple[str, set[str]]] = field(default_factory=list)
    late: dict[str, Flow] = field(default_factory=dict)
    aliases: list[tuple[str, str]] = field(default_factory=list)
    parameters: set[str] = field(default_factory=set)
    whole: bool = False

    def add(self, other: Flow) -> None:
        """Take in what another piece of code does."""
        for name in ("reads", "binds", "mutates", "imports"):
            getattr(self, name).update(getattr(other, name))
        self.passes += other.passes
        self.aliases += other.aliases
        self.late.update(other.late)
        self.whole |= other.whole
