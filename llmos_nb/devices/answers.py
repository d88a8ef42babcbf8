"""Reading what a child answers: it may be anything; what is not as it should be is left out."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from llmos_nb.devices.jail import Protection
from llmos_nb.devices.worker import Frame
from llmos_nb.errors import ToolError
from llmos_nb.messages import Part, ToolResult

MOST_IMAGES, MOST_WORDS = 20, 2000
_IMAGES = ("image/png", "image/jpeg")
_FACTS = ("size", "line")
_CHANGES = ("created", "rebound", "mutated", "deleted")


def held(frame: Frame, require: bool) -> tuple[str, str]:
    """Say what a child is held to, and what not; it says so before anybody's code runs in it.

    Raises
    ------
    ToolError
        A protection does not hold, and is required.
    """
    found = [Protection(*p) for p in frame["holds"]]
    off = ", ".join(p.how for p in found if not p.holds)
    if off and require:
        raise ToolError(f"a protection that is required does not hold here: {off}")
    return ", ".join(p.how for p in found if p.holds), off


def result(found: Frame) -> ToolResult:
    """Read the result of a call."""
    listed = found.get("parts")
    parts = [_image(p) for p in (listed if isinstance(listed, list) else [])[:MOST_IMAGES]]
    changes, facts = found.get("changes"), found.get("facts")
    told = {k: facts[k] for k in _FACTS if isinstance(facts, dict) and type(facts.get(k)) is int}
    kept = _changes(changes) if isinstance(changes, dict) else None
    ok, error = found.get("ok") is True, text(found.get("error"))[:200]
    return ToolResult(
        ok,
        text(found.get("text")),
        error or ("" if ok else "ChildEnded"),
        tuple(filter(None, parts)),
        kept,
        told,
    )


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
    known = (
        {n[:80]: names(d) for n, d in details.items() if isinstance(n, str)}
        if isinstance(details, dict)
        else {}
    )
    return {**{kind: names(changes.get(kind)) for kind in _CHANGES}, "details": known, "digests": {}}
