"""What the events of the run itself do to the state: start, policy, signals, pause, checks, end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.messages import Message, Part, ToolCall
from llmos_nb.policy import Budget, labels, parse_rule
from llmos_nb.process.state import prompts
from llmos_nb.process.state.context import Context
from llmos_nb.process.state.fold.registry import note, on
from llmos_nb.process.state.state import State

MAX_CHECK_FAILS = {"grounded": 1}


@on("run.started")
def _started(s: State, e: Event) -> None:
    d = e.d
    if (d.get("parent") or {}).get("at") is not None:
        _forked(s, d)
        return
    s.goal, s.name, s.pid, s.model = d["goal"], d.get("name", ""), d.get("pid", 0), d["model"]
    s.mode, s.planning, s.parent = d.get("mode", "risky"), d.get("plan", "auto"), d.get("parent")
    s.servers, s.quarantine = d.get("servers", ""), d.get("quarantine", False)
    s.words = d.get("words", "")
    s.check, s.grounded = d.get("check", ""), d.get("grounded", True)
    s.budget, s.remembers = Budget(dict(d["budget"])), d.get("remembers", False)
    head = tuple(_message(m) for m in d.get("head", ()))
    s.context = Context(head, d.get("window_bytes", 16_384))


def _forked(s: State, d: dict[str, Any]) -> None:
    """Go on from what was folded of the parent, with nothing of it under way."""
    s.pid, s.parent, s.status, s.reason, s.detail, s.answer = d["pid"], d["parent"], "running", "", "", None
    s.ending, s.request, s.failures, s.pause_wanted = None, 0, 0, False
    s.exposed_at = s.decided_at = -1  # its events are counted afresh
    s.children = {}  # they are the parent's
    s.connected = False
    s.todo = s.todo or "ask"


def _message(raw: dict[str, Any]) -> Message:
    calls = tuple(ToolCall(c["name"], c["arguments"], c.get("id", "")) for c in raw.get("calls", ()))
    parts = tuple(Part(p["kind"], p["text"], p["mime"], bytes.fromhex(p["data"])) for p in raw.get("parts", ()))
    return Message(raw["role"], raw["text"], calls, raw.get("call", ""), parts)


@on("policy.loaded")
def _policy(s: State, e: Event) -> None:
    s.tools, s.reads = dict(e.d["tools"]), list(e.d.get("reads", ()))
    if "rules" in e.d:
        s.rules = [parse_rule(r) for r in e.d["rules"]]
    s.mode = e.d.get("mode", s.mode)
    s.requester, s.approval = e.d.get("requester", ""), e.d.get("approval", {})


@on("policy.changed")
def _rule(s: State, e: Event) -> None:
    if e.d.get("revoke") is not None:
        gone = e.d["revoke"]
        s.rules = [r for i, r in enumerate(s.rules) if i != gone]
        s.rules_used = Counter({i - (i > gone): n for i, n in s.rules_used.items() if i != gone})
    else:
        s.rules = [parse_rule(e.d["rule"]), *s.rules]
        s.rules_used = Counter({i + 1: n for i, n in s.rules_used.items()})


@on("tools.changed")
def _tools(s: State, e: Event) -> None:
    new, altered, gone = e.d.get("added", {}), e.d.get("altered", {}), e.d.get("gone", [])
    s.connected = s.connected or e.d.get("connected", False)
    s.tools |= e.d.get("digests", {})
    kept_reads = [n for n in s.reads if n not in (*new, *altered, *gone)]
    s.reads = list(dict.fromkeys([*kept_reads, *e.d.get("reads", ())]))
    s.served |= {**new, **altered}
    for name in gone:
        s.tools.pop(name, None)
        s.served.pop(name, None)
    kept = [n for n in s.altered if n not in (*gone, *e.d.get("accepted", ()))]
    s.altered = list(dict.fromkeys([*kept, *altered]))
    if s.requests and (new or altered or gone):
        note(s, prompts.tools_changed(new, altered, gone))


@on("run.paused")
def _paused(s: State, e: Event) -> None:
    s.status, s.why, s.pause_wanted = "paused", e.d["why"], False


@on("run.resumed")
def _resumed(s: State, e: Event) -> None:
    s.status, s.epoch, s.why, s.pause_wanted = "running", e.d["epoch"], "", False
    s.reason, s.detail, s.ending, s.failures, s.request = "", "", None, 0, 0
    s.failed_kinds.clear()
    s.connected = False
    s.todo = s.todo or "ask"
    s.planning = "auto" if s.planning == "only" else s.planning


@on("run.ended")
def _ended(s: State, e: Event) -> None:
    s.status, s.reason, s.detail = "ended", e.d["reason"], e.d.get("detail", "")
    s.answer = e.d.get("answer")
    s.questions = {k: q for k, q in s.questions.items() if k in s.undoing}


@on("signal.received")
def _signal(s: State, e: Event) -> None:
    if e.d["signal"] == "pause":
        s.pause_wanted = True
    elif e.d["signal"] == "steer":
        s.repeats.clear()
        s.told.append((e.d.get("by", ""), e.d["text"]))
        note(s, prompts.steer(e.d["text"]))
        s.todo = "ask" if s.todo in ("", "answer") else s.todo
    elif e.d["signal"] == "approve_step":
        s.preapproved.append(e.d["step"])
    elif e.d["signal"] == "nice":
        s.nice = e.d["value"]
    elif e.d["signal"] == "budget":
        s.budget, s.warned = s.budget.plus(Budget(dict(e.d["amounts"]))), False


@on("check.finished")
def _checked(s: State, e: Event) -> None:
    name, held = e.d["check"], e.d["held"]
    s.checks[name] = {"held": held, "detail": e.d["detail"]}
    if held:
        return
    s.check_fails[name] += 1
    if s.check_fails[name] > MAX_CHECK_FAILS.get(name, 2):
        s.ending = ("unverified", e.d["detail"])
        return
    note(s, prompts.check_failed(name, e.d["detail"]))
    s.todo = "ask"


@on("label.changed")
def _label(s: State, e: Event) -> None:
    s.labels[e.d["name"]] = e.d["label"]
    if e.d["name"] == labels.CONTEXT and labels.parse(e.d["label"]).untrusted:
        s.untrusted_since = s.untrusted_since or str(e.d["why"])
        s.exposed_at = e.n if s.exposed_at < 0 else s.exposed_at
