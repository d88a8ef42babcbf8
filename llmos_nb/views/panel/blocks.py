"""The pieces of *now* and of cards, one function a kind: what the contract calls a block."""

from __future__ import annotations

from llmos_nb.views.contract import Block, Button, Words

Rows = list[list[Words | Button]]


def lead(words: str) -> Block:
    """Return the title of *now*."""
    return {"kind": "lead", "text": words}


def heading(words: str) -> Block:
    """Return the title of a part."""
    return {"kind": "heading", "text": words}


def text(words: Words, mute: bool = False) -> Block:
    """Return a paragraph."""
    return {"kind": "text", "words": words, "mute": True} if mute else {"kind": "text", "words": words}


def code(body: str, label: str, lang: str = "text") -> Block:
    """Return code or lines as they are, with a name for who cannot see them."""
    return {"kind": "code", "code": body, "lang": lang, "label": label}


def details(summary: str, body: str, label: str) -> Block:
    """Return a text that opens at a click."""
    return {"kind": "details", "summary": summary, "code": body, "lang": "text", "label": label}


def table(caption: str, rows: Rows, heads: list[str] | None = None) -> Block:
    """Return a table; the first cell of a row is its head."""
    made: Block = {"kind": "table", "caption": caption, "rows": rows}
    return {**made, "heads": heads} if heads else made


def actions(*buttons: Button) -> Block:
    """Return a row of buttons."""
    return {"kind": "actions", "buttons": list(buttons)}
