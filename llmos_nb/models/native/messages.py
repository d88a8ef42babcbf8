"""Claude in Anthropic's Messages: cache markers, thinking with its signatures, overload and refusals."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any

from llmos_nb.messages import Finish, Message, Request, Response, Usage
from llmos_nb.models.native.base import Answer, Streamed, arguments, parted, pictures, system_of

_CACHED = {"type": "ephemeral"}
_MARKED = 3  # the newest messages of the user that end with a marker; the system message has the fourth
_KNOWN = frozenset(("text", "tool_use"))
_ANSWERS: tuple[tuple[str, int], ...] = (
    (r"claude-(2|3-(opus|sonnet|haiku))", 4_096), (r"claude-3-5", 8_192), (r"", 16_384),
)  # fmt: skip
_FINISH: dict[str, Finish] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refused",
}


class _Answer(Answer):
    """Puts content blocks together."""

    def __init__(self, show: Callable[[str], None], at: Any) -> None:
        super().__init__(show, at)
        self._blocks: dict[int, dict[str, Any]] = {}

    def take(self, event: dict[str, Any]) -> None:
        """Take an event of the stream."""
        match event.get("type"):
            case "message_start":
                self.raw = {k: event["message"][k] for k in ("id", "model")}
                self._count(event["message"].get("usage") or {})
            case "content_block_start":
                self._blocks[event["index"]] = {**event["content_block"], "json": ""}
                self.say(event["content_block"].get("text") or "")
                self.code.begin(event["content_block"].get("name"))
                self.begun = True
            case "content_block_delta":
                self._grow(self._blocks[event["index"]], event["delta"])
            case "message_delta":
                self.finish = event["delta"].get("stop_reason") or self.finish
                self._count(event.get("usage") or {})

    def _grow(self, block: dict[str, Any], delta: dict[str, Any]) -> None:
        match delta["type"]:
            case "text_delta":
                block["text"] += delta["text"]
                self.say(delta["text"])
            case "input_json_delta":
                block["json"] += delta["partial_json"]
                self.code.take(delta["partial_json"])
            case "thinking_delta":
                block["thinking"] += delta["thinking"]
            case "signature_delta":
                block["signature"] = delta["signature"]

    def _count(self, usage: dict[str, Any]) -> None:
        """Count tokens; those that were read from the cache stand beside the others."""
        cached, made = (usage.get(f"cache_{k}_input_tokens") or 0 for k in ("read", "creation"))
        prompt = (usage.get("input_tokens") or 0) + cached + made
        old = self.usage
        self.usage = Usage(prompt or old.prompt, usage.get("output_tokens") or old.completion, cached or old.cached)

    def whole(self) -> Response:
        """Return the answer; what is no text and no call goes back as it came."""
        if not self.finish:
            raise self.broken()
        blocks = [self._blocks[i] for i in sorted(self._blocks)]
        parts = [_part(b) for b in blocks] if any(b["type"] not in _KNOWN for b in blocks) else None
        calls = [(b["name"], b["json"] or b.get("input") or {}) for b in blocks if b["type"] == "tool_use"]
        return self.made(_FINISH.get(self.finish, "stop"), [b.get("text") or "" for b in blocks], calls, parts)


def _part(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "text":
        return {"chars": len(block["text"])}
    if block["type"] == "tool_use":
        return {"call": True}
    return {"block": {k: v for k, v in block.items() if k != "json" and v is not None}}


class AnthropicModel(Streamed):
    """A model of Anthropic; the parameters are those of `NativeModel`."""

    URL, PLACE, KEYS = "https://api.anthropic.com", "ANTHROPIC_BASE_URL", ("ANTHROPIC_API_KEY",)
    PACKAGE, CLIENT, ANSWER = ("anthropic", "anthropic"), "AsyncAnthropic", _Answer

    def asked(self, client: Any) -> Any:
        """Return the part of the client that takes prompts."""
        return client.messages

    def body(self, request: Request) -> dict[str, Any]:
        """Return the parameters of a request.

        Parameters
        ----------
        request : Request
            The prompt.

        Returns
        -------
        dict
            Markers for the cache stand behind the system message and the user's newest messages.
        """
        most = next(n for family, n in _ANSWERS if re.match(family, self.name))
        body: dict[str, Any] = {"model": self.name, "max_tokens": min(request.max_tokens or most, most)}
        if system := system_of(request):
            body["system"] = [{"type": "text", "text": system, "cache_control": _CACHED}]
        body["messages"] = self._messages(m for m in request.messages if m.role != "system")
        if request.tools:
            body["tools"] = [_tool(t["function"]) for t in request.tools]
        return body | self._extra

    def _messages(self, messages: Iterable[Message]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for m in messages:
            role = "assistant" if m.role == "assistant" else "user"
            blocks = self._blocks(m)
            if found and found[-1]["role"] == role:
                found[-1]["content"] += blocks
            elif blocks:
                found.append({"role": role, "content": blocks})
        for message in [m for m in found if m["role"] == "user"][-_MARKED:]:
            message["content"][-1] = {**message["content"][-1], "cache_control": _CACHED}
        return found

    def _blocks(self, m: Message) -> list[dict[str, Any]]:
        if m.role == "tool":
            result = {"type": "tool_result", "tool_use_id": _id(m.call), "content": m.text or "(no output)"}
            return [result]
        if m.role == "user":
            return [*([{"type": "text", "text": m.text}] if m.text else []), *map(_image, pictures(m))]
        found = []
        for part, text, call in parted(m, self.mine(m)):
            if call is not None:
                said = {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": arguments(call)}
                found.append(said)
            elif text.strip():
                found.append({"type": "text", "text": text})
            elif "block" in part:
                found.append(part["block"])
        return found


def _id(call: str) -> str:
    """Return a call's name in the letters that are allowed."""
    return re.sub(r"[^\w-]", "_", call, flags=re.ASCII)


def _image(part: Any) -> dict[str, Any]:
    data = base64.b64encode(part.data).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": part.mime, "data": data}}


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return {"name": function["name"], "description": function.get("description", ""), "input_schema": schema}


MODEL = AnthropicModel
