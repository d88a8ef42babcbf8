"""OpenAI's models in its Responses: nothing is stored there, and reasoning goes back encrypted, as it came."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from llmos_nb.messages import Finish, Message, Request, Response, Usage, compact
from llmos_nb.models.catalogue import thinks
from llmos_nb.models.native.base import Answer, Streamed, arguments, parted, pictures, system_of
from llmos_nb.models.openai.errors import classify

_OF_MESSAGE = frozenset(("type", "id", "role", "status", "content"))
_FINISH: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "refused", "refusal": "refused"}


class _Answer(Answer):
    """Collects the items of the output."""

    def take(self, event: dict[str, Any]) -> None:
        """Take an event of the stream."""
        match event.get("type"):
            case "response.output_text.delta" | "response.refusal.delta":
                self.begun = True
                self.say(event["delta"])
            case "response.output_item.added":
                self.code.begin(event["item"].get("name"))
            case "response.function_call_arguments.delta":
                self.begun = True
                self.code.take(event["delta"])
            case "response.reasoning_summary_text.delta":
                self.begun = True
            case "response.output_item.done":
                self.items.append(event["item"])
            case "response.completed" | "response.incomplete" | "response.failed":
                self._end(event["response"])
            case "error":
                raise classify(200, {"error": event}, at=self.at, begun=self.begun)

    def _end(self, response: dict[str, Any]) -> None:
        if response.get("status") == "failed":
            raise classify(200, {"error": response.get("error") or {}}, at=self.at, begun=self.begun)
        self.finish = (response.get("incomplete_details") or {}).get("reason") or "completed"
        self.items = response.get("output") or self.items
        self.raw = {k: response[k] for k in ("id", "model") if isinstance(response.get(k), str)}
        usage = response.get("usage") or {}
        cached = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
        self.usage = Usage(usage.get("input_tokens") or 0, usage.get("output_tokens") or 0, cached)

    def whole(self) -> Response:
        """Return the answer; reasoning goes back as it came, before what followed from it."""
        if not self.finish:
            raise self.broken()
        said = [c for i in self.items if i["type"] == "message" for c in i.get("content") or ()]
        refused = [c["refusal"] for c in said if c["type"] == "refusal"]
        self.finish = "refusal" if refused else self.finish
        calls = [(i["name"], i.get("arguments") or "{}") for i in self.items if i["type"] == "function_call"]
        opaque = any(i["type"] == "reasoning" or _more(i) for i in self.items)
        texts = [*(c["text"] for c in said if c["type"] == "output_text"), *refused]
        parts = [_part(i) for i in self.items] if opaque else None
        return self.made(_FINISH.get(self.finish, "stop"), texts, calls, parts)


def _more(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a message says of itself beside its words, such as its phase."""
    return {k: v for k, v in item.items() if k not in _OF_MESSAGE and v} if item["type"] == "message" else {}


def _part(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] == "message":
        more = {"more": _more(item)} if _more(item) else {}
        return {"chars": sum(len(c.get("text") or "") for c in item.get("content") or ()), **more}
    if item["type"] == "function_call":
        return {"call": True}
    return {"item": {k: v for k, v in item.items() if k != "status" and v is not None}}


class ResponsesModel(Streamed):
    """A model of OpenAI; the parameters are those of `NativeModel`."""

    URL, PLACE, KEYS = "https://api.openai.com/v1", "OPENAI_BASE_URL", ("OPENAI_API_KEY",)
    PACKAGE, CLIENT, ANSWER = ("openai", "openai"), "AsyncOpenAI", _Answer

    def asked(self, client: Any) -> Any:
        """Return the part of the client that takes prompts."""
        return client.responses

    def body(self, request: Request) -> dict[str, Any]:
        """Return the parameters of a request; those with the same beginning share a cache."""
        items = [i for m in request.messages if m.role != "system" for i in self._items(m)]
        body: dict[str, Any] = {"model": self.name, "input": items, "store": False}
        if system := system_of(request):
            body |= {"instructions": system, "prompt_cache_key": sha256(system.encode()).hexdigest()[:32]}
        if thinks(self.name):
            body["include"] = ["reasoning.encrypted_content"]
        if request.tools:
            body["tools"] = [_tool(t["function"]) for t in request.tools]
        if request.max_tokens is not None:
            body["max_output_tokens"] = max(request.max_tokens, 16)  # fewer are not taken
        return body | self._extra

    def _items(self, m: Message) -> list[dict[str, Any]]:
        if m.role == "tool":
            return [{"type": "function_call_output", "call_id": m.call, "output": m.text}]
        if m.role == "user":
            words: list[dict[str, Any]] = [{"type": "input_text", "text": m.text}]
            urls = [p.wire()["image_url"]["url"] for p in pictures(m)]
            words += [{"type": "input_image", "image_url": url, "detail": "auto"} for url in urls]
            return [{"role": "user", "content": words}]
        found = []
        for part, text, call in parted(m, self.mine(m)):
            if call is not None:
                given = compact(arguments(call), sort_keys=True).decode()
                said = {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": given}
                found.append(said)
            elif "item" in part:
                found.append(part["item"])
            else:
                found.append({"role": "assistant", "content": text, **part.get("more", {})})
        return found


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    named = {"name": function["name"], "description": function.get("description", "")}
    return {"type": "function", **named, "parameters": schema, "strict": False}


MODEL = ResponsesModel
