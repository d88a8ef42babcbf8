"""What the model is told of a call: its result, as far as it is shown, why it did not run, what was taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from llmos_nb.journal import events as ev
from llmos_nb.messages import Message, Part, canonical
from llmos_nb.process.state.context import RECALL
from llmos_nb.process.state.equal import folded
from llmos_nb.process.state.state import State, say
from llmos_nb.tools import SHOWN, Call, shown


def result_message(s: State, call: Call, text: str) -> Message:
    """Return the message that answers a call, with what it drew."""
    parts = tuple(
        Part("image", i.get("text", ""), i["mime"], bytes.fromhex(i["data"]))
        for i in call.images
        if "data" in i and not {"handle", "private"} & call.facts.keys()
    )
    return Message("tool", _say_result(s, call, text), call=call.id, parts=parts)


class Seen(NamedTuple):
    """What the model sees of a result, and whether more of it is recorded."""

    text: str
    short: bool = False


def seen(s: State, call: Call, most: int) -> Seen:
    """Return what the model sees of a result, in at most so many bytes; what it recalled it sees word for word."""
    if "handle" in call.facts:
        return Seen(_say_handle(s, call))
    if "private" in call.facts:
        return Seen(str(call.facts["private"]))
    if call.name == RECALL:
        return Seen(call.result)
    text = folded(s, call)
    size = call.size if call.size > len(call.result.encode("utf-8", "replace")) else 0
    said = shown(call.id, text, size, most, s.text("shortened"))
    return Seen(said, said != text)


def refused(s: State, what: str, by: ev.Decider, why: str) -> str:
    """Say that a call did not run."""
    if by == ev.CONFLICT:
        return say(s, "not_run", why=why)
    if by.to_mend:
        return say(s, "error", text=why)
    verb = say(s, "skipped" if what == "skip" else "rejected")
    return say(s, "refused", verb=verb, who=by.describe("the user"), why=f": {why}" if why else ".")


def _say_result(s: State, call: Call, text: str) -> str:
    """Return the result of a call as the model is shown it."""
    edited = _say_edited(s, call) if call.original is not None and call.by != ev.SCHEMA else ""
    if call.status == "failed":
        return say(s, "error", text=edited + text)
    return edited + (text or say(s, "no_output"))


def _say_edited(s: State, call: Call) -> str:
    """Say that a call is not what the model proposed, why, and what ran."""
    editor = say(s, "the_approver" if "edited_by" in call.facts else "the_user")
    given = call.arguments if isinstance(call.arguments, dict) else {}
    ran = str(given["code"]) if list(given) == ["code"] else canonical(given)
    why = say(s, "edited_why", why=said) if (said := call.facts.get("edit_why")) else ""
    return say(s, "edited", who=editor, why=why, code=shown(call.id, ran, 0, SHOWN, s.text("shortened")))


def _say_handle(s: State, call: Call) -> str:
    """Say of a result that others may have written that it is there."""
    handle, kind = call.facts["handle"], call.facts.get("kind", "text")
    error = f"{call.error} with " if call.error else ""
    variable = say(s, "by_handle_variable", handle=handle) if "variable" in call.facts else ""
    return say(s, "by_handle", error=error, handle=handle, kind=kind, size=f"{call.size:,}", variable=variable)


def taken_back(s: State, call: Call, back: bool, stays: Iterable[str] = ()) -> str:
    """Say that a call's effects were taken back or put in again, and what could not be."""
    names = sorted(set(call.changed))
    what = f" ({', '.join(names)})" if names else ""
    rest = f", except for {', '.join(stays)}" if stays else ""
    return say(s, "undone" if back else "redone", call=call.id, names=what, rest=rest)
