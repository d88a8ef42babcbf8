"""Calls that a model wrote as text, since its server does not know its dialect: they become calls.

Only a known tool with arguments that fit its schema is called, and only where the text ends with the call; what stands
in the middle of an answer, or in a code block of it, is quoted, and so is what a page, a file or a person has said.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from llmos_nb.messages import Request, Response, ToolCall, parsed
from llmos_nb.models.openai.calls import parse

Found = list[tuple[str, Any]]
"""Calls as they were written: a name, and arguments that are an object, texts by name or values in order."""

_FENCE = re.compile(r"```([\w-]*)[ \t]*\n(.*?)\n?[ \t]*```", re.S)
_END_TOKENS = re.compile(r"(?:\s*(?:<\|(?:im_end|eot_id|eom_id|end|endoftext|call)\|>|</s>))+\s*\Z")
_FUNCTION = re.compile(r"<function=([\w.-]+)>(.*?)(?:</function>|\Z)", re.S)
_PARAMETER = re.compile(r"<parameter=([\w.-]+)>\n?(.*?)\n?</parameter>", re.S)
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.S)
_MISTRAL = re.compile(r"\s*(?:\[TOOL_CALLS\])?\s*([\w.-]+)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(?=\{)")
_DOTTED = re.compile(r"\.call\Z")
_decoder = json.JSONDecoder()


def lifted(response: Response, request: Request) -> Response:
    """Return an answer with the calls that stand in its text, in any of the dialects; the same where there are none."""
    if response.calls or response.finish != "stop" or not request.tools:
        return response
    text = _END_TOKENS.sub("", response.text)
    if not text.strip():
        return response
    tools = {f["name"]: f.get("parameters") or {} for t in request.tools if (f := t.get("function"))}
    if "plan" in tools and (plan := lift_plan(response)) is not response:
        return plan
    for name, marker, read in _DIALECTS:
        lead, written = _behind(text, marker) if marker else ("", text.strip())
        if not written or (found := read(written, tools)) is None:
            continue
        calls = [_call(tool, given, tools) for tool, given in found]
        if calls and all(calls) and not _read_before(written, request):
            made = tuple(c for c in calls if c is not None)
            return replace(response, text=lead.strip(), calls=made, raw={**response.raw, "lifted": [name, text]})
    return response


def _read_before(written: str, request: Request) -> bool:
    """Return whether a text stands in what the model was shown: then it repeats somebody's words, and calls nothing."""
    bare = "".join(written.split())
    return any(bare in "".join(m.text.split()) for m in request.messages if m.role in ("user", "tool"))


def _behind(text: str, marker: str) -> tuple[str, str]:
    """Part a text at the first marker that is not quoted; nothing stands behind where there is none."""
    at = text.find(marker)
    quoted = at > 0 and (text[at - 1] in "`'\"" or text.count("```", 0, at) % 2)
    return (text[:at], text[at:]) if at >= 0 and not quoted else (text, "")


def _call(name: str, given: Any, tools: Mapping[str, Mapping[str, Any]]) -> ToolCall | None:
    """Return the call where the tool is known and the arguments fit."""
    name = _DOTTED.sub("", name)
    if name not in tools:
        return None
    known: Mapping[str, Any] = tools[name].get("properties") or {}
    if isinstance(given, list):  # values in order
        given = dict(zip(known, given, strict=False)) if len(given) <= len(known) else None
    given = parse(given) if isinstance(given, str) else given
    if not isinstance(given, dict):
        return None
    arguments = {k: _typed(v, known.get(k, {})) for k, v in given.items()}
    return ToolCall(name, arguments) if _conforms(arguments, tools[name]) else None


class _Text(str):
    """A value that was written with no type."""

    __slots__ = ()


def _typed(value: Any, schema: Mapping[str, Any]) -> Any:
    """Read a value that was written as text by the type that is wanted."""
    if not isinstance(value, str) or _fits(value, schema):
        return str(value) if isinstance(value, _Text) else value
    said = {"True": "true", "False": "false", "None": "null"}.get(value, value)
    return parsed(str(said), str(value))


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip


def _conforms(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    known = schema.get("properties") or {}
    if not set(schema.get("required") or ()) <= set(arguments):
        return False
    if not schema.get("additionalProperties", not known) and not set(arguments) <= set(known):
        return False
    return all(_fits(v, known.get(k, {})) for k, v in arguments.items())


def _fits(value: Any, schema: Any) -> bool:
    """Return whether a value is of the type that a schema wants; what a schema says beyond types is for the gate."""
    if not isinstance(schema, Mapping):
        return True
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return any(_fits(value, s) for s in options)
    wanted = schema.get("type")
    names = [wanted] if isinstance(wanted, str) else wanted or []
    if isinstance(value, bool):
        return not names or "boolean" in names
    return not names or any(isinstance(value, _TYPES.get(n, (object,))) for n in names)


# the dialects


def _of_object(value: Any) -> Found | None:
    """Read calls that are JSON: ``{"name", "arguments"}``, with the other names of both, or a list of such."""
    if isinstance(value, list):
        parts = [_of_object(v) for v in value]
        return [c for p in parts if p for c in p] if value and all(parts) else None
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("tool_calls"), list):
        return _of_object(value["tool_calls"])
    if isinstance(value.get("function"), dict):
        return _of_object(value["function"])
    name = next((value[k] for k in ("name", "function", "tool") if isinstance(value.get(k), str)), "")
    given = next((value[k] for k in ("arguments", "parameters", "args", "input") if k in value), None)
    return [(name, given)] if name and given is not None else None


def _json(text: str, _: Any = None) -> Found | None:
    """Read a text that is JSON, or JSON objects one after the other."""
    found: Found = []
    text = text.strip()
    while text:
        try:
            value, end = _decoder.raw_decode(text)
        except (ValueError, RecursionError):
            return None
        if (calls := _of_object(value)) is None:
            return None
        found += calls
        text = text[end:].lstrip(" \t\r\n;")
    return found


def _xml(text: str, _: Any = None) -> Found | None:
    """Read ``<function=NAME>`` with ``<parameter=KEY>`` in it, or with JSON."""
    if _FUNCTION.sub("", text).strip():
        return None
    found: Found = []
    for name, inner in _FUNCTION.findall(text):
        given: Any = {k: _Text(v) for k, v in _PARAMETER.findall(inner)}
        if _PARAMETER.sub("", inner).strip():
            given = parse(inner.strip())
        found.append((name, given))
    return found


def _tagged(text: str, _: Any = None) -> Found | None:
    """Read ``<tool_call>`` with JSON in it (Hermes), or with XML (Qwen3)."""
    if _TAGGED.sub("", text).strip():
        return None
    found: Found = []
    for inner in _TAGGED.findall(text):
        calls = _xml(inner) if inner.startswith("<function=") else _json(inner)
        if calls is None:
            return None
        found += calls
    return found


def _mistral(text: str, _: Any = None) -> Found | None:
    """Read ``[TOOL_CALLS]`` with a list of JSON, or ``NAME[ARGS]{…}`` one after the other."""
    rest = text.removeprefix("[TOOL_CALLS]").strip()
    if rest.startswith(("[", "{")):
        return _json(rest)
    found: Found = []
    while rest:
        if (begin := _MISTRAL.match(rest)) is None:
            return None
        try:
            given, end = _decoder.raw_decode(rest, begin.end())
        except (ValueError, RecursionError):
            return None
        found.append((begin[1], given))
        rest = rest[end:].strip()
    return found


def _python_tag(text: str, tools: Mapping[str, Any]) -> Found | None:
    """Read what Llama writes behind ``<|python_tag|>``: JSON, a call, or code where there is a tool for code."""
    inner = re.sub(r"\A<\|python_(?:tag|start)\|>|<\|python_end\|>\Z", "", text.strip()).strip()
    return _json(inner) or _pythonic(inner if inner.startswith("[") else f"[{inner}]") or _code(inner, tools)


def _pythonic(text: str, _: Any = None) -> Found | None:
    """Read ``[add(a=1, b=2)]``: calls with literal values."""
    if not (text.startswith("[") and text.rstrip().endswith(")]")):
        return None
    tree = _parsed(text.strip(), "eval")
    with suppress(ValueError, RecursionError):
        if tree and isinstance(tree.body, ast.List):
            return list(map(_expression, tree.body.elts))
    return None


def _expression(node: ast.expr) -> tuple[str, Any]:
    if not isinstance(node, ast.Call):
        raise ValueError("no call")
    named = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
    given = [ast.literal_eval(v) for v in node.args]
    if (given and named) or len(named) < len(node.keywords):
        raise ValueError("mixed")
    return ast.unparse(node.func), given or named


def _fences(text: str) -> Iterator[tuple[str, str]]:
    """Return the code blocks of a text that holds nothing else."""
    if text.startswith("```") and not _FENCE.sub("", text).strip():
        yield from _FENCE.findall(text)


def _fenced(text: str, tools: Mapping[str, Any]) -> Found | None:
    """Read a text that is one code block or more: of JSON, or of one block of Python where there is a tool for it."""
    blocks = list(_fences(text))
    if len(blocks) == 1 and blocks[0][0].lower() in ("python", "py", "python3"):
        return _code(blocks[0][1], tools)
    found = [_tagged(code) if code.startswith("<tool_call>") else _json(code) for _, code in blocks]
    return [c for calls in found if calls for c in calls] if found and all(found) else None


def _code(code: str, tools: Mapping[str, Any]) -> Found | None:
    """Return the call that runs code, where there is a tool for it and it is Python."""
    if "code" not in (tools.get("python", {}).get("properties") or ()) or not code.strip():
        return None
    return [("python", {"code": code})] if _parsed(code, "exec") else None


def _parsed(code: str, mode: str) -> Any:
    """Return the tree of Python code; None where it is none."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code, mode=mode)
    return None


_DIALECTS: tuple[tuple[str, str, Callable[[str, Mapping[str, Any]], Found | None]], ...] = (
    ("hermes", "<tool_call>", _tagged),
    ("qwen", "<function=", _xml),
    ("mistral", "[TOOL_CALLS]", _mistral),
    ("llama", "<|python_tag|>", _python_tag),
    ("llama", "<|python_start|>", _python_tag),
    ("json", "", _json),
    ("pythonic", "", _pythonic),
    ("fence", "", _fenced),
)


def lift_plan(response: Response) -> Response:
    """Turn an answer whose whole text is ``{"plan": [{"title", …}]}`` into a call of `plan`.

    Parameters
    ----------
    response : Response
        Any answer.

    Returns
    -------
    Response
        The same answer where it is no plan; otherwise one call ``plan(steps=[…])`` in place of the text.
    """
    text = response.text.strip()
    if response.calls or response.finish != "stop" or '"plan"' not in text:
        return response
    fenced = next(_fences(text), None)
    value = parse(fenced[1] if fenced and fenced[0] in ("", "json") else text) or {}
    steps = value.get("plan")
    if value.keys() != {"plan"} or not isinstance(steps, list) or not steps:
        return response
    good = all(isinstance(s, dict) and isinstance(s.get("title"), str) for s in steps)
    return replace(response, text="", calls=(ToolCall("plan", {"steps": steps}),)) if good else response
