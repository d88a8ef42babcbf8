"""Gemini in its own protocol: signatures of thoughts go back in the very part with which they came."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from typing import Any

from llmos_nb.errors import ModelUnavailable
from llmos_nb.messages import Finish, Message, Request, Response, Usage
from llmos_nb.models.native.base import Answer, NativeModel, arguments, parted, pictures, system_of

_LENGTH = ("MAX_TOKENS",)
_GAVE_UP = ("MALFORMED", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "OTHER", "MISSING_THOUGHT_SIGNATURE")
_SKIP = b"skip_thought_signature_validator"  # what it takes for calls that it has not made


class _Answer(Answer):
    """Collects the parts of the first candidate."""

    def take(self, event: dict[str, Any]) -> None:
        """Take a piece of the answer."""
        if blocked := (event.get("prompt_feedback") or {}).get("block_reason"):
            self.finish = str(getattr(blocked, "value", blocked))
        for candidate in (event.get("candidates") or ())[:1]:
            for part in (candidate.get("content") or {}).get("parts") or ():
                self._take(part)
            reason = candidate.get("finish_reason")
            self.finish = str(getattr(reason, "value", reason) or self.finish)
        if usage := event.get("usage_metadata"):
            said = (usage.get("candidates_token_count") or 0) + (usage.get("thoughts_token_count") or 0)
            cached = usage.get("cached_content_token_count") or 0
            self.usage = Usage(usage.get("prompt_token_count") or 0, said, cached)
        self.raw |= {k: event[k] for k in ("response_id", "model_version") if event.get(k)}

    def _take(self, part: dict[str, Any]) -> None:
        self.begun = True
        if part.get("thought"):
            return
        signature = part.get("thought_signature")
        last = self.items[-1] if self.items else {}
        if "text" in part:
            self.say(part["text"])
            if not signature and "text" in last and "signature" not in last:
                last["text"] += part["text"]
                return
        self.items.append({k: part[k] for k in ("text", "function_call") if k in part})
        if signature:
            self.items[-1]["signature"] = base64.b64encode(signature).decode()

    def whole(self) -> Response:
        """Return the answer, with the signatures at their places."""
        if not self.finish:
            raise self.broken()
        if self.finish.startswith(_GAVE_UP):
            raise ModelUnavailable(f"{self.at.url} gave up in the middle of its answer ({self.finish})")
        finish: Finish = "length" if self.finish in _LENGTH else "stop" if self.finish == "STOP" else "refused"
        calls = [p["function_call"] for p in self.items if "function_call" in p]
        opaque = any("signature" in p or (p.get("function_call") or {}).get("id") for p in self.items)
        parts = [_part(p) for p in self.items] if opaque else None
        texts = [p.get("text", "") for p in self.items]
        return self.made(finish, texts, [(c["name"], c.get("args") or {}) for c in calls], parts)


def _part(part: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"call": True} if "function_call" in part else {"chars": len(part.get("text", ""))}
    if id_ := (part.get("function_call") or {}).get("id"):
        found["id"] = id_
    return found | ({"signature": part["signature"]} if "signature" in part else {})


class GeminiModel(NativeModel):
    """A model of Google; the parameters are those of `NativeModel`."""

    URL, PLACE = "https://generativelanguage.googleapis.com", "GEMINI_BASE_URL"
    KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    PACKAGE, ANSWER = ("google.genai", "gemini"), _Answer

    def client(self, package: Any, key: str, how: dict[str, Any]) -> Any:
        """Return the client of the package; each attempt is one request."""
        import httpx2  # its package brings it along

        self._http = http = httpx2.AsyncClient(timeout=None, **how)
        return package.Client(
            vertexai=False, api_key=key, http_options={"base_url": self.base_url, "httpx_async_client": http}
        )

    async def events(self, client: Any, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """Send a prompt, and give the pieces of the answer."""
        stream = await client.aio.models.generate_content_stream(**self.body(request))
        async for piece in stream:
            yield piece.model_dump(exclude_none=True, exclude={"sdk_http_response"})

    def body(self, request: Request) -> dict[str, Any]:
        """Return the parameters of a request."""
        config: dict[str, Any] = {"automatic_function_calling": {"disable": True}}
        if system := system_of(request):
            config["system_instruction"] = system
        if request.tools:
            config["tools"] = [{"function_declarations": [_tool(t["function"]) for t in request.tools]}]
        if request.max_tokens is not None:
            config["max_output_tokens"] = request.max_tokens
        contents: list[dict[str, Any]] = []
        named: dict[str, tuple[str, str | None]] = {}  # by call: the tool, and the provider's own id
        for m in request.messages:
            if m.role == "system":
                continue
            role, parts = "model" if m.role == "assistant" else "user", self._parts(m, named)
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
            elif parts:
                contents.append({"role": role, "parts": parts})
        return {"model": self.name, "contents": contents, "config": config | self._extra}

    def _parts(self, m: Message, named: dict[str, tuple[str, str | None]]) -> list[dict[str, Any]]:
        if m.role == "tool":
            name, id_ = named.get(m.call, ("tool", None))
            return [{"function_response": {"name": name, "id": id_, "response": {"result": m.text}}}]
        if m.role == "user":
            images = ({"inline_data": {"data": p.data, "mime_type": p.mime}} for p in pictures(m))
            return [{"text": m.text}, *images]
        found: list[dict[str, Any]] = []
        mine = self.mine(m)
        for part, text, call in parted(m, mine):
            one: dict[str, Any] = {"text": text}
            if call is not None:
                named[call.id] = call.name, part.get("id")
                one = {"function_call": {"name": call.name, "args": arguments(call), "id": part.get("id")}}
            if "signature" in part:
                one["thought_signature"] = base64.b64decode(part["signature"])
            elif call is not None and not mine and call is m.calls[0]:
                one["thought_signature"] = _SKIP
            found.append(one)
        return found

    async def close(self, client: Any) -> None:
        """Close a client."""
        await client.aio.aclose()
        await self._http.aclose()


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parameters")
    found = {"name": function["name"], "description": function.get("description", "")}
    return {**found, "parameters_json_schema": schema} if schema and schema.get("properties") else found


MODEL = GeminiModel
