"""`recall`: how a process gets back, word for word, what left its prompt or stands in it shortened."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from llmos_nb.messages import ToolResult
from llmos_nb.policy import Label, labels
from llmos_nb.process.run import Run
from llmos_nb.process.state.context import RECALL, Context
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
        found = recalled(run.state.context, arguments)
        query = str(arguments.get("query") or "").strip()
        if not (arguments.get("everywhere") and query):
            return found
        here = run.state.context.search(query, 1)
        return await elsewhere(run, query, found if here else None)

    run.tools[RECALL] = replace(run.tools[RECALL], runner=runner)


def recalled(context: Context, arguments: Mapping[str, Any]) -> ToolResult:
    """Recall from the pages of a process.

    Parameters
    ----------
    context : Context
        Its memory.
    arguments : mapping
        ``page`` (0 lists all pages) with ``part``, or ``query``.

    Returns
    -------
    ToolResult
        Exact words, with the labels that they had when they left the prompt; or a line that says what can be asked.
    """
    page, query = arguments.get("page"), str(arguments.get("query") or "").strip()
    if query:
        return _found(context, query)
    if page is None:
        return ToolResult(False, f"recall: give a page or words to look for; {_there(context)}", "BadArguments")
    if not 0 <= page <= len(context.pages):
        return ToolResult(False, f"recall: page {page} is not there; {_there(context)}", "UnknownPage")
    return _page(context, page, arguments.get("part") or 1)


def _there(context: Context) -> str:
    """Say what pages there are."""
    count = len(context.pages)
    return f"there are pages 1 to {count}" if count > 1 else "there is page 1" if count else "there is no page yet"


def _page(context: Context, page: int, part: int) -> ToolResult:
    """Return a page, in parts where it would fill more than half of the window."""
    found = parts(context.page(page), min(context.max_bytes // 2, LARGEST_PART))
    if not 1 <= part <= len(found):
        return ToolResult(False, f"recall: page {page} has parts 1 to {len(found)}, not {part}", "UnknownPage")
    more = f"[part {part} of {len(found)}; recall(page={page}, part={part + 1}) goes on]\n" if part < len(found) else ""
    return _labelled(more + found[part - 1], context, [page] if page else [])


def _found(context: Context, query: str) -> ToolResult:
    found = context.search(query)
    texts = [(f"page {page}: " if page else "in full: ") + text for page, text in found]
    nothing = f"nothing fits {query!r:.60}; {_there(context)}"
    return _labelled("\n\n".join(texts) or nothing, context, [page for page, _ in found if page])


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
