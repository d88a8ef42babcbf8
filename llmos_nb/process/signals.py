"""Signals to a run: what reaches it at any time, whatever it does. Each is an event; `drive` does the rest."""

from __future__ import annotations

from collections.abc import Mapping

from llmos_nb.errors import UsageError
from llmos_nb.journal.events import FOR_GOOD, Decider, RunResumed, SignalReceived
from llmos_nb.process.run import Run
from llmos_nb.process.scheduling.queue import LEAST_NICE, NICEST


def send(run: Run, text: str, by: Decider) -> None:
    """Tell a process something; it reads it with its next prompt."""
    run.append(SignalReceived(signal="steer", by=by, text=text))


def ask_further(run: Run, text: str, by: Decider) -> None:
    """Tell a process something; one that has ended goes on with it, in this interpreter."""
    if run.state.status == "ended":
        check_further(run)
    send(run, text, by)
    if run.state.status == "ended":
        run.append(RunResumed(epoch=run.state.epoch))


def check_further(run: Run) -> None:
    """Refuse to go on where an end is for good.

    Raises
    ------
    UsageError
        It was killed, or goes on as another process.
    """
    s = run.state
    if s.reason in FOR_GOOD:
        raise UsageError(f"process {s.pid} ended ({s.reason}); fork it to go on from an event")


def pause(run: Run, by: Decider) -> None:
    """Pause after this step."""
    run.append(SignalReceived(signal="pause", by=by))


def take_back_pause(run: Run, by: Decider) -> None:
    """Go on after this step, where a pause was wanted that has not taken effect."""
    if run.state.pause_wanted:
        run.append(SignalReceived(signal="resume", by=by))


def raise_budget(run: Run, amounts: Mapping[str, float], by: Decider) -> None:
    """Add amounts to the budget."""
    run.append(SignalReceived(signal="budget", by=by, amounts=dict(amounts)))


def check_niceness(value: int) -> None:
    """Refuse what is no niceness."""
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST_NICE <= value <= NICEST:
        raise UsageError(f"nice {value!r}: must be a whole number from {LEAST_NICE} to {NICEST}")


def renice(run: Run, value: int, by: Decider) -> None:
    """Set the niceness, also in the queues where the process waits."""
    run.append(SignalReceived(signal="nice", by=by, value=value))
    for wait in run.waits.values():
        if wait.resource is not None:
            wait.resource.renice(run)
