"""What the calls of a step gave: code, text and pictures, from the state, so that a view drawn anew has them, too."""

from __future__ import annotations

import base64
from functools import lru_cache

from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.views.contract import Block, Sheet
from llmos_nb.views.panel.blocks import code, heading, text
from llmos_nb.views.panel.calls import gave
from llmos_nb.views.wording import ref, size

PICTURES = ("image/png", "image/jpeg")
MOST_BYTES = 1_000_000  # of the pictures that one view holds


def calls_of(s: State, row: int | str) -> list[Call]:
    """Return the calls of a row that have something to show, in order: of a step, or the one call of this id."""
    return [c for c in s.calls.values() if (row in c.serves or c.id == row) and gave(c)]


def sheet(s: State, step: int | str) -> Sheet:
    """Return a page with what the calls of a row ran and gave."""
    calls = calls_of(s, step)
    blocks: list[Block] = [] if calls else [text("It has given nothing yet, or was taken back.")]
    room = MOST_BYTES
    for call in calls:
        if call.code:
            blocks.append({**code(call.code, f"Code of {call.id}", "python"), "cap": ["Python, ", ref(call)]})
        else:
            blocks.append(heading(f"{call.name}, {call.id}"))
        shown, room = output(call, room)
        blocks += shown
    return {"title": f"Output of {'step ' if isinstance(step, int) else ''}{step}", "blocks": blocks}


def output(call: Call, room: int) -> tuple[list[Block], int]:
    """Return what a call gave as blocks, and the bytes that are left for pictures."""
    blocks = [code(call.result, f"Output of {call.id}")] if call.result else []
    for image in call.images:
        mime, data = str(image.get("mime")), image.get("data") or ""
        if mime not in PICTURES or not data:
            continue
        alt, length = str(image.get("text") or "a picture"), len(data) // 2
        if length > room:
            blocks.append(text(f"A picture of {size(length)} is not shown here: {alt}.", mute=True))
            continue
        room -= length
        blocks.append({"kind": "image", "mime": mime, "data": _encoded(data), "label": alt})
    return blocks, room


@lru_cache(maxsize=16)  # a view is made anew at every event
def _encoded(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()
