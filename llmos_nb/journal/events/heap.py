"""The event of a namespace that was rebuilt in a new interpreter."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from llmos_nb.journal.events.base import Fact, event
from llmos_nb.journal.events.decider import NO_ONE, Decider


@event("heap.changed")
class HeapChanged(Fact):
    """Somebody else had changed variables that the process has used, as it was seen before the model was asked.

    Parameters
    ----------
    names : dict of str to str
        Who changed each, in words.
    now : str
        What they are now, as the model is told.
    """

    names: dict[str, str]
    now: str = ""


@event("heap.restored")
class HeapRestored(Fact):
    """The namespace was rebuilt: by stored values, by steps that had done nothing outside, and as far as that goes.

    Parameters
    ----------
    stored, rerun : list of str
        Calls whose variables were read from what stands beside the journal, and calls that ran again.
    missing : dict of str to str
        Variables that are gone, with the call that had made each.
    differs : list of str
        Variables that are other than they were.
    acted : dict of str to list of str
        What the calls of missing variables had done outside, in words; empty where nobody had looked.
    asks : bool
        Whether a person is asked about what is missing.
    by : Decider
        Who had a call run again that had acted outside; nobody where none did.
    place : dict, optional
        Where that was, ``{"notebook", "n"}``: in the order of that notebook's cells and steps.
    again : dict of str to dict
        By each call that ran again, what is known of that run: ``digests`` and ``content`` of its variables;
        ``random``, ``outside`` and ``quiet`` as facts of a call have them; ``outputs`` where it showed nothing.
    """

    stored: list[str]
    rerun: list[str]
    missing: dict[str, str]
    differs: list[str] = field(default_factory=list)
    acted: dict[str, list[str]] = field(default_factory=dict)
    asks: bool = False
    by: Decider = NO_ONE
    place: dict[str, Any] | None = None
    again: dict[str, dict[str, Any]] = field(default_factory=dict)
