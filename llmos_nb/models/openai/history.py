"""A prompt as an endpoint takes it: its messages in the ways of `quirks`, each encoded once for each set of ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from llmos_nb.messages import Extra, Message, compact

SKIP = "skip_thought_signature_validator"  # what Gemini takes for calls that it has not made
NOTED = "Noted."
OURS = frozenset((
    "short_ids", "alternate", "system", "parallel", "images", "content", "tool_name", "signature", "reasoning", "extra",
))  # fmt: skip
"""Ways that change messages."""
_LEAN = ("type", "properties", "required", "items", "enum", "description")


def encoded(messages: Sequence[Message], ways: frozenset[str], by: str) -> list[bytes]:
    """Return the messages as bytes; what a provider wants back goes back to it alone.

    Parameters
    ----------
    messages : sequence of Message
        The prompt.
    ways : frozenset of str
        Those of `OURS` in which the endpoint wants them.
    by : str
        The endpoint and model.
    """
    if not ways:  # little is looked at: a prompt is put together for every step
        return [m.encoded if m.extra is None or m.extra.get("by") == by else m.bare.encoded for m in messages]
    if "system" in ways:
        messages = _without_system(messages)
    if "parallel" in ways:
        messages = list(_singly(messages))
    if "alternate" in ways or "system" in ways:
        messages = list(_alternating(messages))
    names = {c.id: c.name for m in messages for c in m.calls} if "tool_name" in ways else {}
    return [_bytes(m, ways, by, names) for m in messages]


def _bytes(m: Message, ways: frozenset[str], by: str, names: Mapping[str, str]) -> bytes:
    """Encode a message once for these ways; like its bytes, that is noted on the message."""
    kept: dict[Any, bytes] = vars(m).setdefault("_ways", {})
    if (ways, by) not in kept:
        mine = m.extra is not None and m.extra.get("by") == by and "extra" not in ways
        kept[ways, by] = compact(_adapted((m if mine else m.bare).wire(), m, ways, names))
    return kept[ways, by]


def _adapted(body: dict[str, Any], m: Message, ways: frozenset[str], names: Mapping[str, str]) -> dict[str, Any]:
    if "images" in ways and isinstance(body.get("content"), list):
        body["content"] = "\n".join(filter(None, (m.text, *(p.text for p in m.parts))))
    if "short_ids" in ways:
        for call in body.get("tool_calls", ()):
            call["id"] = short_id(call["id"])
        if "tool_call_id" in body:
            body["tool_call_id"] = short_id(body["tool_call_id"])
    if "content" in ways:
        body.setdefault("content", "")
    if "tool_name" in ways and m.call:
        body["name"] = names.get(m.call, "tool")
    if "signature" in ways and m.calls:
        body["tool_calls"][0].setdefault("extra_content", {"google": {"thought_signature": SKIP}})
    if "reasoning" in ways and m.role == "assistant":
        body.setdefault("reasoning_content", "")
    return body


def short_id(id_: str) -> str:
    """Return an id of nine letters and digits for one of ours, always the same: ``r12.0`` is ``r00012x00``."""
    answer, dot, index = id_.removeprefix("r").partition(".")
    if dot and answer.isdecimal() and index.isdecimal() and len(answer) <= 5 and len(index) <= 2:
        return f"r{answer:0>5}x{index:0>2}"
    return sha256(id_.encode()).hexdigest()[:9]


def _singly(messages: Sequence[Message]) -> Iterator[Message]:
    """Part an answer with several calls into answers with one each, each with its result behind it."""
    results = {m.call: m for m in messages if m.role == "tool"}
    parted: set[str] = set()
    for m in messages:
        if m.role == "tool" and m.call in parted:
            continue
        if len(m.calls) < 2:
            yield m
            continue
        for i, call in enumerate(m.calls):
            yield replace(m, text="" if i else m.text, calls=(call,), extra=_part(m.extra, i))
            if call.id in results:
                parted.add(call.id)
                yield results[call.id]


def _part(extra: Extra | None, i: int) -> Extra | None:
    if extra is None:
        return None
    own: Extra = {"by": extra.get("by"), "calls": extra.get("calls", [])[i : i + 1]}
    return own if i else {**extra, **own}


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """Return a prompt whose system messages stand at the beginning of the user's next one."""
    found: list[Message] = []
    held: list[str] = []
    for m in messages:
        if m.role == "system":
            held.append(m.text)
        elif held:
            mine = m.role == "user"
            found.append(replace(m, text="\n\n".join((*held, m.text))) if mine else Message("user", "\n\n".join(held)))
            found += [] if mine else [m]
            held = []
        else:
            found.append(m)
    return found


def _alternating(messages: Iterable[Message]) -> Iterator[Message]:
    """Join messages of the same role that stand together; between a result and the user's word stands an answer."""
    last: Message | None = None
    for m in messages:
        if last is not None and last.role == m.role == "user":
            last = replace(last, text=f"{last.text}\n\n{m.text}", parts=last.parts + m.parts)
            continue
        if last is not None:
            yield last
            if last.role == "tool" and m.role == "user":
                yield Message("assistant", NOTED)
        last = m
    if last is not None:
        yield last


def lean(tools: Iterable[Mapping[str, Any]]) -> bytes:
    """Encode tools with the keys of a schema that every endpoint knows."""
    found = []
    for tool in tools:
        function = dict(tool["function"])
        function["parameters"] = _lean(function.get("parameters", {}))
        found.append({"type": "function", "function": function})
    return compact(found)


def _lean(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    options = [s for s in schema.get("anyOf") or schema.get("oneOf") or () if s != {"type": "null"}]
    schema = {**(options[0] if options else {}), **schema}
    kept = {k: schema[k] for k in _LEAN if k in schema}
    if isinstance(kept.get("type"), list):
        kept["type"] = next((t for t in kept["type"] if t != "null"), "string")
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {k: _lean(v) for k, v in kept["properties"].items()}
    return {**kept, "items": _lean(kept["items"])} if "items" in kept else kept
