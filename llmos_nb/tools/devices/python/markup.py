"""What HTML shows, as Markdown: words, headings, lists, code and tables; nothing of it acts or is fetched."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

MOST, CHARS, ROWS = 400_000, 20_000, 60  # characters of HTML and of Markdown, rows of a table
_HIDDEN = frozenset(("head", "noscript", "script", "style", "svg", "template", "title"))
_BLOCKS = frozenset(("article", "blockquote", "br", "div", "hr", "li", "ol", "p", "pre", "section", "table", "ul"))
_MARKS = {"b": "**", "strong": "**", "i": "*", "em": "*", "code": "`"}
_HEADS = {f"h{n}": "#" * n for n in range(1, 7)}
_NUMBER = re.compile(r"[-+−]?[\d.,]+%?|NaN")


def as_markdown(html: Any) -> str:
    """Return what HTML shows; empty where there is nothing of it, or too much."""
    if not isinstance(html, str) or len(html) > MOST:
        return ""
    reader = _Reader()
    try:
        reader.feed(html)
        reader.close()
    except (AssertionError, ValueError):  # what declares itself to be something else
        return ""
    reader.end_block()
    found = "\n\n".join(reader.blocks).replace("\n\n- ", "\n- ")
    return found if len(found) <= CHARS else ""


class _Reader(HTMLParser):
    """Collects blocks; the cells of a table within a table are words of its cell."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[str] = []
        self._words: list[str] = []
        self._begins = ""
        self._hidden, self._tables, self._kept = "", 0, False
        self._rows = list[list[str]]()
        self._above: dict[int, int] = {}  # by column, the rows that a cell above still covers
        self._spans = (1, 1)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, a cell or emphasis."""
        if self._hidden:
            return
        self._hidden = tag if tag in _HIDDEN else ""
        self._tables += tag == "table"
        if self._tables > 1 or (self._tables and tag != "table"):
            self._in_table(tag, dict(attrs))
        elif tag in _BLOCKS or tag in _HEADS:
            self.end_block()
            self._begins = f"{_HEADS[tag]} " if tag in _HEADS else "- " if tag == "li" else ""
            self._kept = tag == "pre"
        if tag in _MARKS and not self._kept:
            self._words.append(_MARKS[tag])

    def _in_table(self, tag: str, attrs: dict[str, str | None]) -> None:
        if self._tables > 1:
            self._words.append(" ")
        elif tag == "tr":
            self._end_row()
            self._rows.append([])
        elif tag in ("td", "th"):
            self._words.clear()
            self._spans = _whole(attrs.get("colspan")), _whole(attrs.get("rowspan"))
        elif tag in _BLOCKS:
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """End what has begun."""
        if self._hidden:
            self._hidden = "" if tag == self._hidden else self._hidden
            return
        if tag in _MARKS and not self._kept:
            empty = self._words[-1:] == [_MARKS[tag]]
            self._words[-1:] = [] if empty else [*self._words[-1:], _MARKS[tag]]
        if tag in ("td", "th") and self._tables == 1 and self._rows:
            self._end_cell()
        elif tag == "table" and self._tables:
            self._tables -= 1
            if not self._tables:
                self._end_table()
        elif (tag in _BLOCKS or tag in _HEADS) and not self._tables:
            self.end_block()

    def handle_data(self, data: str) -> None:
        """Take words."""
        if not self._hidden:
            self._words.append(data)

    def end_block(self) -> None:
        """Note the block under way, if it says anything."""
        said = "".join(self._words)
        kept, self._kept = self._kept, False
        self._words.clear()
        if kept and said.strip():
            fence = "~~~" if "```" in said else "```"
            self.blocks.append("{0}\n{1}\n{0}".format(fence, said.strip("\n")))
        elif words := " ".join(said.split()):
            self.blocks.append(self._begins + words)
        self._begins = ""

    def _end_cell(self) -> None:
        self._covered()
        words = " ".join("".join(self._words).split())
        self._words.clear()
        columns, rows = self._spans
        row = self._rows[-1]
        for at in range(len(row), len(row) + columns):
            self._above[at] = rows - 1
        row += [words.replace("|", "\\|"), *[""] * (columns - 1)]

    def _covered(self) -> None:
        """Leave out what cells above cover."""
        row = self._rows[-1]
        while self._above.get(len(row)):
            self._above[len(row)] -= 1
            row.append("")

    def _end_row(self) -> None:
        if self._rows:
            self._covered()

    def _end_table(self) -> None:
        self._end_row()
        rows, wide = [r for r in self._rows if r], max(map(len, self._rows), default=0)
        self._rows, self._above = [], {}
        self._words.clear()
        if not wide:
            return
        cut = rows[1 : ROWS + 1]
        cut += [["…"] * wide] if len(rows) > ROWS + 1 else []
        full = [r + [""] * (wide - len(r)) for r in (rows[0], *cut)]
        right = [all(_NUMBER.fullmatch(r[i]) for r in full[1:] if r[i] != "…") for i in range(wide)]
        rule = ["---:" if r else "---" for r in right]
        self.blocks.append("\n".join(f"| {' | '.join(r)} |" for r in (full[0], rule, *full[1:])))


def _whole(value: str | None) -> int:
    return min(int(value), ROWS) if value and value.isascii() and value.isdigit() and int(value) else 1
