"""What is known of the last run of a call, which may have given other values than the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmos_nb.tools import Call

_OF_A_RUN = ("content", "outputs", "outside", "quiet", "random")
NOT_KEPT = "it ran again after a resume, and what it showed then is not kept"


def ran_again(call: Call) -> bool:
    """Return whether a call ran again, to have its variables in another interpreter."""
    return isinstance(call.facts.get("again"), dict)


def latest(call: Call) -> Call:
    """Return a call with the facts and the digests of its last run; what nobody recorded of that is not known.

    Parameters
    ----------
    call : Call
        As the journal has it: with what is known of its first run, and ``again`` where it ran once more.
    """
    if not ran_again(call):
        return call
    again: dict[str, Any] = call.facts["again"]
    kept = {k: v for k, v in call.facts.items() if k not in _OF_A_RUN}
    new = {k: again[k] for k in _OF_A_RUN if k in again}
    changes = replace(call.changes, digests=dict(again.get("digests", {})))
    return replace(call, facts={**kept, "outputs": None, **new}, changes=changes)
