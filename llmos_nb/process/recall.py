"""`recall`: how a process gets back, word for word, what left its prompt or stands in it shortened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from llmos_nb.messages import ToolResult
from llmos_nb.policy import Label, labels
from llmos_nb.process.run import Run
from llmos_nb.process.state.context import RECALL, Context
from llmos_nb.process.state.state import State, say
from llmos_nb.tools import CallContext, Tool

LARGEST_PART = 24_576  # bytes of a page in one result
Elsewhere = Callable[[Run, str, ToolResult | None], Awaitable[ToolResult]]
_SCHEMA = {
    "type": "object",
    "properties": {
        "page": {"type": "integer", "description": "0 lists all pages"},
        "part": {"type": "integer", "description": "of a long page"},
        "query": {"type": "string", "description": "words that stood there"},
        "everywhere": {"type": "boolean", "description": "also in what was remembered, and in former runs"},
    },
}


def recall_tool() -> Tool:
    """Return the tool; `connect` gives it the memory of its process."""
    about = "Bring back exact words that left the prompt or were shortened: a page, or what fits a query."
    return Tool(RECALL, about, _SCHEMA, lambda **_: "", "read", "pure", digest=RECALL)


def connect(run: Run, elsewhere: Elsewhere) -> None:
    """Return `recall` the memory of its process; `elsewhere` looks in the memory of its home, too."""

    async def runner(arguments: Mapping[str, Any], _: CallContext) -> ToolResult:
        found = recalled(run.state, arguments)
        query = str(arguments.get("query") or "").strip()
        if not (arguments.get("everywhere") and query):
            return found
        here = run.state.context.search(query, 1)
        return await elsewhere(run, query, found if here else None)

    run.tools[RECALL] = replace(run.tools[RECALL], runner=runner)


def recalled(s: State, arguments: Mapping[str, Any]) -> ToolResult:
    """Recall from the pages of a process.

    Parameters
    ----------
    s : State
        The process, with its memory.
    arguments : mapping
        ``page`` (0 lists all pages) with ``part``, or ``query``.

    Returns
    -------
    ToolResult
        Exact words, with the labels that they had when they left the prompt; or a line that says what can be asked.
    """
    page, query = arguments.get("page"), str(arguments.get("query") or "").strip()
    if query:
        return _found(s, query)
    if page is None:
        return ToolResult(False, say(s, "recall_what", there=_there(s)), "BadArguments")
    if not 0 <= page <= len(s.context.pages):
        return ToolResult(False, say(s, "recall_no_page", page=page, there=_there(s)), "UnknownPage")
    return _page(s, page, arguments.get("part") or 1)


def _there(s: State) -> str:
    """Say what pages there are."""
    count = len(s.context.pages)
    return say(s, "recall_pages", count=count) if count > 1 else say(s, "recall_one_page" if count else "recall_none")


def _page(s: State, page: int, part: int) -> ToolResult:
    """Return a page, in parts where it would fill more than half of the window."""
    context = s.context
    found = parts(context.page(page), min(context.max_bytes // 2, LARGEST_PART))
    if not 1 <= part <= len(found):
        return ToolResult(False, say(s, "recall_no_part", page=page, count=len(found), part=part), "UnknownPage")
    last = part == len(found)
    more = "" if last else say(s, "recall_more", part=part, count=len(found), page=page, next=part + 1) + "\n"
    return _labelled(more + found[part - 1], context, [page] if page else [])


def _found(s: State, query: str) -> ToolResult:
    found = s.context.search(query)
    texts = [(say(s, "recall_at", page=page) if page else say(s, "recall_whole")) + text for page, text in found]
    nothing = say(s, "recall_nothing", query=f"{query!r:.60}", there=_there(s))
    return _labelled("\n\n".join(texts) or nothing, s.context, [page for page, _ in found if page])


def _labelled(text: str, context: Context, pages: list[int]) -> ToolResult:
    """Return a result with the joined labels of pages."""
    label = Label().join(*(labels.parse(context.labels[p - 1]) for p in pages))
    facts = {"label": str(label), "why": f"it recalled page {pages[0]}"} if label != labels.TRUSTED else {}
    return ToolResult(True, text, facts=facts)


def parts(text: str, size: int) -> list[str]:
    """Cut a text into parts of at most `size` bytes of UTF-8, at ends of lines; joined, it is whole.

    Parameters
    ----------
    text : str
        What to cut.
    size : int
        Bytes; at least 4.
    """
    found, raw = list[str](), text.encode("utf-8", "replace")
    while len(raw) > size:
        cut = raw.rfind(b"\n", 0, size) + 1 or size
        while raw[cut] & 0xC0 == 0x80:  # not within a character
            cut -= 1
        found.append(raw[:cut].decode())
        raw = raw[cut:]
    return [*found, raw.decode()]
