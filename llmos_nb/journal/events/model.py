"""Events of the model: requests, answers, failures, what they cost, and what left the prompt."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, Required, TypedDict

from llmos_nb.journal.events.base import Fact, event, key


class ProposedCall(TypedDict, total=False):
    """A call as the model wrote it.

    Attributes
    ----------
    name : str
        The tool.
    arguments : dict or str
        A text where they could not be parsed.
    step : list of int
        Where its argument ``step`` is the process's own, and not the tool's: the steps of the plan that it names.
    """

    name: Required[str]
    arguments: Required[dict[str, Any] | str]
    step: list[int]


@event("model.requested")
class ModelRequested(Fact):
    """The model is asked; the prompt itself is not written down, but where its parts stand.

    Parameters
    ----------
    request : int
        Number of the request, from 1.
    head : str
        Digest of the frozen beginning.
    ledger : int
        Lines of the ledger.
    window : list of int
        First and last event that the window shows; empty at the beginning.
    bytes : int
        Size of the prompt.
    waited_s : float
        Seconds that it waited for its turn at the endpoint.
    model, endpoint : str, and str, optional
        Who is asked, and where: scheme, host, port and path, without user, password and query; empty for a model that
        is behind no URL. They stand with the first request, and with each that goes elsewhere than the one before.
    small : bool
        Of a model that is named here: whether it is a small one, of which no answer is called proven.
    reserved : dict of str to float, optional
        By unit, what is set aside for it until it is answered; formerly an event of its own before it.
    """

    request: int
    head: str
    ledger: int
    window: list[int]
    bytes: int = 0
    waited_s: float = 0.0
    model: str = ""
    endpoint: str | None = None
    small: bool = False
    reserved: dict[str, float] | None = None


@event("model.responded")
class ModelResponded(Fact):
    """The model's whole answer, text and calls together; the calls are named ``r{answer}.{index}``.

    Parameters
    ----------
    request : int
        The request that it answers.
    text : str
        What it said.
    calls : list of ProposedCall
        What it wants done, in order.
    finish : {"stop", "length", "refused"}
        Why it stopped.
    usage : dict of str to int
        Tokens: ``prompt, completion, cached``.
    cut : bool
        Whether a call was cut off at the end.
    raw : dict
        What the adapter kept for the record.
    extra : dict, optional
        What goes back to the provider with the answer, untouched: signatures of its reasoning, and fields that only it
        knows, as ``{"by", "message", "calls"}``.
    settled : dict of str to float, optional
        By unit, what it cost; formerly an event of its own before it.
    """

    request: int
    text: str
    calls: list[ProposedCall]
    finish: Literal["stop", "length", "refused"]
    usage: dict[str, int]
    cut: bool = False
    raw: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] | None = None
    settled: dict[str, float] | None = None


@event("model.failed")
class ModelFailed(Fact):
    """An attempt at the model failed.

    Parameters
    ----------
    request : int
        The request.
    error : str
        What went wrong, in words.
    error_kind : str
        Class of the error, or ``stopped`` or ``crash`` (the key is ``kind``).
    retry_in_s : float, optional
        Seconds until the next attempt.
    shrink : bool
        Whether the prompt is made shorter before it.
    final : bool
        Whether there is none.
    """

    request: int
    error: str
    error_kind: str = key("kind")
    retry_in_s: float | None = None
    shrink: bool = False
    final: bool = False


@event("budget.reserved")
class BudgetReserved(Fact):
    """Something is set aside for a child; formerly for a request, too.

    Parameters
    ----------
    request : int
        The request; 0 for a child.
    amounts : dict of str to float
        By unit.
    child : int, optional
        The child's pid.
    call : str
        The call that starts the child; empty where the user does.
    """

    request: int
    amounts: dict[str, float]
    child: int | None = None
    call: str = ""


@event("budget.settled")
class BudgetSettled(Fact):
    """What a child, or a question about what stands by handle, has used; formerly any request.

    Parameters
    ----------
    request : int
        The request; 0 for a child.
    amounts : dict of str to float
        By unit.
    child : int, optional
        The child's pid.
    """

    request: int
    amounts: dict[str, float]
    child: int | None = None


@event("context.paged")
class ContextPaged(Fact):
    """The oldest messages left the prompt, to be recalled.

    Parameters
    ----------
    page : int
        Number of the page, from 1.
    first, last : int
        Events that it holds.
    groups : int
        How many groups of messages left.
    stay : list of int
        Those of them that stay all the same.
    label : str
        Of the context at that time, where it was not trusted.
    variables : dict of str to str
        Type by name of each variable that the process had made, in a window that is not small.
    """

    page: int
    first: int
    last: int
    groups: int
    stay: list[int] = field(default_factory=list)
    label: str = ""
    variables: dict[str, str] = field(default_factory=dict)
