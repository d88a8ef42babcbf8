"""One attempt at the model: reserve, ask, settle; and what a failed one means."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any

from llmos_nb.errors import ContextOverflow, ModelError, ModelProtocol, ModelUnavailable
from llmos_nb.journal import events as ev
from llmos_nb.messages import GAP, Request, Response, Usage
from llmos_nb.models import cost, place_of
from llmos_nb.policy import labels
from llmos_nb.policy.secrets import Stream, vault
from llmos_nb.process import fields, images, serving
from llmos_nb.process.gate import conflicts, servers as gate_tools
from llmos_nb.process.run import Run
from llmos_nb.process.scheduling.resource import Wait, endpoint, waiting
from llmos_nb.process.state.decide import Ask, Evict
from llmos_nb.process.state.state import State

MAX_ATTEMPTS = 6
MAX_BACKOFF_S = 20.0
MAX_WAIT_S = 120.0
BYTES_PER_TOKEN = 4
RESERVED_ANSWER = 1_024
PLENTY, LEAST_ANSWER = 4_096, 64
_BEGINS = re.compile(r"`[^`\n]*(?P<end>`|\n|\Z)|(?P<field>\{\{)|\{\Z")


def evict(run: Run, command: Evict) -> None:
    """Page the oldest messages out in one go."""
    context = run.state.context
    count, first, last = context.leaving(context.window_bytes // 2 if run.state.shrink else None)
    if not count:
        run.append(ev.RunEnded(reason="failed", detail="the last answer alone does not fit the model", answer=None))
        return
    stay = [] if run.state.shrink else context.staying(count)
    known = labels.context(run.state.labels)
    label = "" if known == labels.TRUSTED else str(known)
    run.append(
        ev.ContextPaged(
            page=command.page,
            first=first,
            last=last,
            groups=count,
            stay=stay,
            label=label,
            variables={} if context.small else _variables(run),
        )
    )


def _variables(run: Run) -> dict[str, str]:
    """Return the type by name of each variable that surviving steps made."""
    names = dict.fromkeys(n for c in run.state.surviving for n in (*c.results, *c.rebound))
    space = run.namespace or {}
    return {n: type(space[n]).__name__ for n in names if n in space}


async def ask(run: Run, command: Ask) -> None:
    """Ask the model once; every outcome is recorded."""
    if run.state.servers:
        await gate_tools.hear(run)
    if command.delay_s:
        until = f"until {datetime.now() + timedelta(seconds=command.delay_s):%H:%M:%S}, for its next attempt"
        with waiting(run, command, Wait(None, 0, until)):
            await asyncio.sleep(command.delay_s)
    try:
        async with endpoint(run.model, run.limits).turn(run, command, run.state.left("s")) as waited_s:
            paced_s = await run.limits.pace() if run.limits.pace is not None else 0.0
            await _attempt(run, command.request, waited_s + paced_s)
    except TimeoutError:
        detail = "s: the time was over before the model had a slot free"
        run.append(ev.RunEnded(reason="budget", detail=detail, answer=None))


async def _attempt(run: Run, number: int, waited_s: float) -> None:
    """Ask within a turn at the endpoint; what was said and changed meanwhile is in the prompt."""
    if changed := _changed(run):
        await run.section(partial(conflicts.tell, run, changed))
    request, size = build(run)
    if not _reserve(run, number, request.max_tokens, size, waited_s):
        return
    run.journal.kick()
    try:
        response = await _respond(run, request)
    except asyncio.CancelledError:
        run.append(ev.ModelFailed(request=number, error=run.stopped_by, error_kind="stopped"))
        raise
    except ModelError as error:
        failed = consequence(error, run.state, number)
        if error.limited and failed.retry_in_s is not None:
            endpoint(run.model, run.limits).hold(failed.retry_in_s)
        run.append(failed)
    else:
        settle(run, number, response)


def _changed(run: Run) -> dict[str, str]:
    """Return the variables that the process has looked at and that cells of the user's changed or deleted since."""
    if run.sight is None or run.namespace is None:
        return {}
    found = run.sight.conflicts(run.sight.seen, run.state.pid)
    return {n: by for n, by in found.items() if by.startswith("your cell") and run.sight.told.get(n) != by}


def build(run: Run) -> tuple[Request, int]:
    """Put the prompt together from parts that were each encoded once; return it with its bytes."""
    tools, encoded = run.wire()
    context = run.state.context
    messages = context.messages()
    if context.pictured:
        messages = images.prompt(messages, run.model.traits.images, run.state.text("drew"))
        size = images.weight(messages) + len(encoded)
    else:  # nothing is looked at message by message: a prompt is put together for every step
        size = context.size + len(encoded)
    request = vault.request(Request(messages, tools, encoded, max_tokens=_room(run, size)))
    return run.hidden.request(request), size


def _room(run: Run, size: int) -> int | None:
    """Bound an answer, in tokens, by what a prompt of so many bytes leaves; None where that is plenty."""
    left = run.state.left("tokens") - size // BYTES_PER_TOKEN
    room = min(left, run.model.traits.context_tokens // 2)
    return None if math.isinf(left) or room >= PLENTY else max(int(room), LEAST_ANSWER)


def _reserve(run: Run, number: int, room: int | None, size: int, waited_s: float) -> bool:
    """Reserve prompt and answer before the attempt; end where they do not fit the budget."""
    s = run.state
    usage = Usage(size // BYTES_PER_TOKEN, room or RESERVED_ANSWER)
    amounts: dict[str, float] = {} if s.outside else {"tokens": usage.prompt + usage.completion}
    if run.price:
        amounts["$"] = cost(run.price, usage)
    short = next((u for u in amounts if size // BYTES_PER_TOKEN and _short(s, u, amounts[u])), "")
    if short:
        run.append(
            ev.RunEnded(reason="budget", detail=f"{short}: the next request does not fit what is left", answer=None)
        )
        return False
    groups = s.context.window
    window = [groups[0].first, groups[-1].last] if groups else []
    run.append(
        ev.ModelRequested(
            request=number,
            head=s.context.head_digest(),
            ledger=len(s.context.ledger),
            window=window,
            bytes=size,
            waited_s=round(waited_s, 3),
            reserved=amounts,
            **_elsewhere(run),
        )
    )
    return True


def _elsewhere(run: Run) -> dict[str, Any]:
    """Say who is asked, and where, unless the requests before said the same."""
    s, traits = run.state, run.model.traits
    asked = {"model": traits.name, "endpoint": place_of(run.model), "small": traits.small}
    return {} if (s.model, s.endpoint, s.small) == tuple(asked.values()) else asked


def _short(s: State, unit: str, amount: float) -> bool:
    return s.left(unit) < amount


class Unevaluated:
    """Shows an answer as it is written, with … where it will say what an expression gives.

    Parameters
    ----------
    show : callable
        Takes what can be shown; `GAP` by itself.
    """

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show, self._held = show, ""

    def __call__(self, piece: str) -> None:
        """Take a piece; what may be the beginning of an expression is held."""
        self._go_on(self._held + piece, last=False)

    def end(self) -> None:
        """Show the rest."""
        self._go_on(self._held, last=True)

    def _go_on(self, text: str, last: bool) -> None:
        shown, at = list[str](), 0
        while at < len(text):
            found = _BEGINS.search(text, at)
            begin = found.start() if found else len(text)
            shown.append(text[at:begin])
            at = begin
            if found is None:
                break
            if found["field"]:
                end, settled = fields.closes(text, begin, last)
                if not settled:
                    break
                shown.append(GAP if end else fields.OPEN)
                at = end or found.end()
            elif found["end"] or last:
                shown.append(found[0])
                at = found.end()
            else:
                break
        self._held = text[at:]
        for gap, pieces in groupby(shown, lambda piece: piece is GAP):
            for piece in pieces if gap else ("".join(pieces),):
                if piece:
                    self._show(piece)


async def _respond(run: Run, request: Request) -> Response:
    """Ask within the time that is left; an error the adapter did not expect is a protocol error with its type."""
    left, text = math.inf if run.state.outside else run.state.left("s"), Unevaluated(run.on_text)
    shown = Stream(text, run.on_code)
    try:
        async with asyncio.timeout(None if math.isinf(left) else max(left, 0.05)):
            return await _asked(run, request, shown)
    except TimeoutError as error:
        raise ModelUnavailable("the time budget ended while the model was answering") from error
    except ModelError:
        raise
    except Exception as error:
        raise ModelProtocol(f"{run.model.traits.name}: {type(error).__name__}: {error}") from error
    finally:
        shown.end()
        text.end()


async def _asked(run: Run, request: Request, shown: Stream) -> Response:
    """Ask the model; an object of another package may be bound to the loop on which somebody made it."""
    ours = run.owns_model or type(run.model).__module__.startswith("llmos_nb.")
    if ours:
        return await run.model.respond(request, shown)
    response: Response = await run.visit(partial(run.model.respond, request, shown))
    return response


def consequence(error: ModelError, s: State, number: int = 0) -> ev.ModelFailed:
    """Say what a failed attempt means: another one (when), a shorter prompt, or the end (why)."""
    failed = ev.ModelFailed(request=number, error=str(error), error_kind=type(error).__name__)
    if isinstance(error, ContextOverflow):
        again = s.failed_kinds[failed.error_kind] == 0 and len(s.context.window) > 1
        return replace(failed, shrink=True) if again else replace(failed, final=True)
    limit = 2 if isinstance(error, ModelProtocol) and not error.adapted else MAX_ATTEMPTS
    wait = error.retry_in_s if error.retry_in_s is not None else min(0.25 * 2**s.failures, MAX_BACKOFF_S)
    if not error.retryable or s.failures + 1 >= limit or wait > MAX_WAIT_S:
        return replace(failed, final=True)
    return replace(failed, retry_in_s=wait)


def settle(run: Run, number: int, response: Response) -> None:
    """Record a whole answer, text and calls together, and what it cost."""
    usage = response.usage
    amounts: dict[str, float] = {"tokens": usage.charged}
    if run.price:
        amounts["$"] = cost(run.price, usage)
    run.append(
        ev.ModelResponded(
            request=number,
            text=response.text,
            calls=[serving.proposed(run.state, run.tools, c) for c in response.calls],
            finish=response.finish,
            usage={"prompt": usage.prompt, "completion": usage.completion, "cached": usage.cached},
            cut=response.cut,
            raw=response.raw,
            extra=response.extra,
            settled=amounts,
        )
    )
