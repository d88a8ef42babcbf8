"""What a child answers, read: words, images and counts of known form; whatever else it sends is left out."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from llmos_nb.messages import Part, ToolResult
from llmos_nb.tools.call import NAME_CHANGES
from llmos_nb.tools.devices.child.worker import Frame

MOST_IMAGES, MOST_WORDS, MOST_CONTENT = 20, 2000, 6000
MOST_EFFECTS, MOST_EFFECT, MOST_NAMES = 16, 200, 60
_IMAGES = ("image/png", "image/jpeg")
_FACTS = ("size", "line")


def result(found: Frame) -> ToolResult:
    """Read the result of a call."""
    listed = found.get("parts")
    parts = [_image(p) for p in (listed if isinstance(listed, list) else [])[:MOST_IMAGES]]
    changes, facts = found.get("changes"), found.get("facts")
    facts = facts if isinstance(facts, dict) else {}
    told: dict[str, Any] = {k: facts[k] for k in _FACTS if type(facts.get(k)) is int}
    if isinstance(facts.get("effects"), list):
        told["effects"] = [text(e)[:MOST_EFFECT] for e in facts["effects"][:MOST_EFFECTS]]
    if isinstance(took := facts.get("took"), list):
        told["took"] = [t for t in took[:MOST_NAMES] if isinstance(t, list) and [*map(type, t)] == [int, str]]
    told |= _shown(facts)
    kept = _changes(changes) if isinstance(changes, dict) else None
    ok, error = found.get("ok") is True, text(found.get("error"))[:200]
    error = error or ("" if ok else "ChildEnded")
    return ToolResult(ok, text(found.get("text")), error, tuple(filter(None, parts)), kept, told)


def looked(found: Any) -> ToolResult:
    """Read what one expression gave."""
    told = found if isinstance(found, dict) else {}
    ok = told.get("ok") is True
    error = "" if ok else text(told.get("error"))[:200] or "ChildEnded"
    listed = {k: told.get(k) for k in ("read", "changes")}
    names = {
        k: [n[:80] for n in v[:1000] if isinstance(n, str)] if isinstance(v, list) else [] for k, v in listed.items()
    }
    words = text(told.get("content"))
    facts = {"format": text(told.get("format"))[:200], **names, "content": words if len(words) <= MOST_CONTENT else ""}
    return ToolResult(ok, text(told.get("text")), error, facts=facts)


def _shown(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a cell of the same code would show and hold there, for an export; words only."""
    told: dict[str, Any] = {"quiet": True} if facts.get("quiet") is True else {}
    content, outputs = facts.get("content"), facts.get("outputs")
    if isinstance(content, dict):
        pairs = [(n, w) for n, w in content.items() if isinstance(n, str) and isinstance(w, str)]
        told["content"] = {n[:80]: w for n, w in pairs[:MOST_NAMES] if len(w) <= MOST_CONTENT}
    if isinstance(outputs, list):
        fits = all(isinstance(o, list) and len(o) in (2, 3) and type(o[1]) is int for o in outputs)
        words = fits and all(isinstance(w, str) for o in outputs for w in (o[0], *o[2:]))
        told["outputs"] = outputs if words else None
    return told


def behind(facts: Mapping[str, Any], prefix: str, text: str) -> dict[str, Any]:
    """Return the facts of a text that got words of ours before it, which no cell would show."""
    if not isinstance(facts.get("outputs"), list) or not facts.get("size"):
        return dict(facts)
    pieces = facts["outputs"] or [["stdout", len(text)]]
    size = facts["size"] + len(prefix.encode())
    return {**facts, "size": size, "outputs": [["told", len(prefix)], *pieces]}


def text(value: Any) -> str:
    """Read a text."""
    return value if isinstance(value, str) else ""


def _image(part: Any) -> Part | None:
    """Read an image; of any other kind nothing comes up."""
    if not isinstance(part, dict) or part.get("mime") not in _IMAGES:
        return None
    try:
        data = base64.b64decode(text(part.get("data")), validate=True)
    except ValueError:
        return None
    return Part("image", text(part.get("text"))[:MOST_WORDS], part["mime"], data)


def _changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Read what a step says that it changed there: names, by kind."""

    def names(value: Any) -> list[str]:
        return [n[:80] for n in value[:1000] if isinstance(n, str)] if isinstance(value, list) else []

    details = changes.get("details")
    told = details.items() if isinstance(details, dict) else ()
    known = {n[:80]: names(d) for n, d in told if isinstance(n, str)}
    return {**{kind: names(changes.get(kind)) for kind in NAME_CHANGES}, "details": known, "digests": {}}
