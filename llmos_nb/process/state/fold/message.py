"""What the events of messages do to the state: sent, arrived in the mailbox, waited for."""

from __future__ import annotations

from llmos_nb.journal import Event
from llmos_nb.process.state import prompts
from llmos_nb.process.state.fold.registry import note, on
from llmos_nb.process.state.state import State


@on("message.sent")
def _sent(s: State, e: Event) -> None:
    s.posted[e.d["id"]] = e.d["to"]


@on("message.arrived")
def _arrived(s: State, e: Event) -> None:
    """Put it into the mailbox; what came through a pipe is told at once, since the process began with it."""
    if e.d["id"] in s.arrived:
        return
    s.arrived[e.d["id"]] = e.d["from"]
    if e.d.get("pipe"):
        s.awaited.pop(e.d["pipe"], None)
        s.piped.append({"from": e.d["from"], "name": e.d["name"], "text": e.d["text"]})
        note(s, prompts.piped(e.d["name"], e.d["text"], e.d["label"]))
        s.todo = "ask" if s.todo in ("", "answer") else s.todo
    else:
        s.mailbox[e.d["id"]] = {k: e.d[k] for k in ("from", "name", "label", "text", "size")}


@on("outputs.declared")
def _declared(s: State, e: Event) -> None:
    s.outputs = e.d["outputs"]
    note(s, prompts.outputs(s.outputs))


@on("message.awaited")
def _awaited(s: State, e: Event) -> None:
    s.awaited[e.d["wait"]] = {**{k: v for k, v in e.d.items() if k != "wait"}, "since": e.at}
    if e.d["wait"] in s.calls:
        s.calls[e.d["wait"]].status = "waits"


@on("message.ready")
def _ready(s: State, e: Event) -> None:
    s.awaited.pop(e.d["wait"], None)
    if e.d["wait"] in s.calls:
        s.calls[e.d["wait"]].status = "approved"
