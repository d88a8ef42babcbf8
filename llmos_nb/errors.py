"""Every error that llmos_nb raises, in one place.

::

    LlmosError
    ├── UsageError            an option, name or value the user typed
    │   ├── ConfigError       a setting, `llmos.toml` or the environment
    │   └── NotTrusted        a folder, a journal or a file of a stranger's, until a person trusts it
    ├── ModelError            one attempt at a model failed
    │   ├── ModelUnavailable  connection, timeout, stall, 5xx, rate limit: worth another attempt
    │   ├── ModelRefused      key, quota, unknown model: ends at once, says what to do
    │   ├── ModelProtocol     the endpoint answered something that is not the protocol
    │   ├── ContextOverflow   the prompt does not fit the model
    │   └── WeightsMissing    the local model's weights are not there
    ├── ToolError             what a model is told about a call that did not work
    │   ├── UnknownTool
    │   ├── BadArguments      one message a field
    │   │   └── ActError      an act of a plan that cannot be read
    │   ├── ToolRaised
    │   ├── ToolTimeout
    │   └── CallDenied        the policy or a person said no
    │       └── EffectRefused an effect that a step was about to have; a PermissionError, too
    ├── JournalError
    │   ├── JournalTampered   names the line
    │   ├── JournalLocked     names who has it
    │   └── JournalUnwritable disk full, read-only
    ├── StoreError            the database of a home (memories, goals) cannot be used
    ├── SnapshotConflict      undo would overwrite what somebody changed since
    ├── BudgetSpent
    ├── Unreadable            what a plan says of a value cannot be computed now: the call asks
    ├── NotAnswered           a process ended without an answer (the quiet line in a notebook)
    │   └── ApprovalNeeded    it waits, saved, for somebody who is not there
    ├── VerifyFailed          an exported notebook did not hold what it claims
    └── ExportDoesNotRun      it is saved, and raises in a fresh interpreter
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches


class LlmosError(Exception):
    """Root of the tree; its text is one line that says what, where and what to do."""


class UsageError(LlmosError):
    """Something the user typed is not understood."""


class ConfigError(UsageError):
    """A setting, `llmos.toml` or an environment variable is wrong."""


class NotTrusted(UsageError):
    """It may be a stranger's, and no person has trusted it."""


class ModelError(LlmosError):
    """One attempt at a model failed.

    Parameters
    ----------
    message : str
        One line, with what to do.
    retry_in_s : float, optional
        What the endpoint asked for, in seconds.
    """

    retryable = False
    limited = False  # the endpoint limits the rate: others must wait there, too
    filtered = False  # a content filter refused the prompt: that is an answer, and no failure
    said = ""  # by the endpoint, in its own words
    adapted = False  # the next attempt is asked in another way, which the endpoint may take

    def __init__(self, message: str, retry_in_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_in_s = retry_in_s


class ModelUnavailable(ModelError):
    """Connection, time-out, stall, server error or rate limit."""

    retryable = True


class ModelRefused(ModelError):
    """Key, quota or name are wrong; another attempt would not help."""


class ModelProtocol(ModelError):
    """The endpoint answered with something that is not the protocol."""

    retryable = True


class ContextOverflow(ModelError):
    """The prompt is longer than the model takes."""


class WeightsMissing(ModelError):
    """The weights of the local model are not on this machine."""


class ToolError(LlmosError):
    """A call did not work; the text goes back to the model."""


class UnknownTool(ToolError):
    """No tool has this exact name."""


class BadArguments(ToolError):
    """Arguments that do not fit the schema, a message a field."""


class ActError(BadArguments):
    """An act of a plan is not in the form that can be checked; says what, where, and what to write instead."""


class ToolRaised(ToolError):
    """The tool's own code raised."""


class ToolTimeout(ToolError):
    """The call passed its deadline."""


class CallDenied(ToolError):
    """The policy or a person said no."""


class EffectRefused(CallDenied, PermissionError):
    """What a step was about to do outside was not allowed; its code sees a PermissionError."""


class JournalError(LlmosError):
    """The journal cannot be read or written."""


class JournalTampered(JournalError):
    """The hash chain breaks.

    Parameters
    ----------
    path : str
        The journal's file.
    line : int
        1-based number of the first line that does not fit the chain.
    why : str
        What does not fit.
    """

    def __init__(self, path: str, line: int, why: str) -> None:
        super().__init__(f"{path}, line {line}: {why}; the journal was changed after it was written")
        self.path, self.line, self.why = path, line, why


class JournalLocked(JournalError):
    """Another process of the machine writes this journal."""


class JournalUnwritable(JournalError):
    """The disk is full or the folder is read-only."""


class StoreError(LlmosError):
    """The database of a home cannot be used."""


class SnapshotConflict(LlmosError):
    """Undo would overwrite what somebody changed since."""


class BudgetSpent(LlmosError):
    """A bound of the process is reached."""


class Unreadable(LlmosError):
    """The value that an act of a plan names cannot be computed, or is not one value."""


class NotAnswered(LlmosError):
    """A process ended without an answer."""


class ApprovalNeeded(NotAnswered):
    """A process waits, saved, for a person who is not there."""


class VerifyFailed(LlmosError):
    """An exported notebook is not what it claims to be."""


class ExportDoesNotRun(LlmosError):
    """An exported notebook is saved, and raises when it is run in a fresh interpreter."""


def nearest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Say which known names come near `name`: ``"; did you mean a, b?"`` or an empty text."""
    close = get_close_matches(name, list(known), limit, 0.5)
    return f"; did you mean {', '.join(close)}?" if close else ""


def check_keys(given: Iterable[str], known: Collection[str], where: str, kind: type[UsageError] = UsageError) -> None:
    """Refuse a key that is not known, with those that come near it."""
    for key in given:
        if key not in known:
            raise kind(f"{where}: unknown key {key!r}{nearest(str(key), known)}")
