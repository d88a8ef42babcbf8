"""Printed tables: frames and series as pandas shows them, tables between bars, and lines of words and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from llmos_nb.process.evidence.numbers import quantities
from llmos_nb.process.evidence.tables import Row, Table, make_row, number

_GAP = re.compile(r"\s{2,}|\t")
FOOT = re.compile(r"^(Name: .*|dtype: .*|Length: \d+.*|Freq: .*|\[\d+ rows x \d+ columns\]|shape: .*)$")
_BOX = re.compile(r"[┌└╞├╪═─┴┬┼╡┤┐┘+-]+[┌└╞├╪═─┴┬┼╡┤┐┘+\-\s]*")
_SAID = re.compile(r"[:=](?=\s)|\w=\S")
_WORD = re.compile(r"[^\W\d_]{2,}(?:[_-][^\W\d_]+)*\d?|[A-Za-z]\d\b|\b[A-Za-z](?=\s*[=:]|\s\d)")
_HEAD = re.compile(r"\d+(?:\.0)?%?")  # a number that is the name of a column: a year, a quantile, a code
_WORDS_AND_NUMBER = re.compile(r"[^\W\d_]{2,} (?:[\w ]* )?\d[\d.]*$|(?:^|\s)\d[\d.]* [^\W\d_]{2,}.*[,:]")
_OPEN = re.compile(r"\([^()]*$")
_OF = re.compile(r"^\s*(?:(?:out )?of|von|/)\s*$")


def block(call: str, lines: list[str]) -> list[Table]:
    """Return the tables of lines: one, where they are one but for some lines of words before or behind it."""
    if (table := _table(call, lines)) is not None:
        return [table]
    for head in range(min(3, len(lines))):
        for foot in range(min(3, len(lines) - head)):
            middle = lines[head : len(lines) - foot]
            if (head or foot) and len(middle) > 2 and (table := _table(call, middle)) is not None:
                return [*_said(call, lines[:head]), table, *_said(call, lines[len(lines) - foot :])]
    return _said(call, lines)


def _said(call: str, lines: list[str]) -> list[Table]:
    """Return lines of words as one table."""
    return [Table(call, (), ("",), [row for line in lines for row in _line(line)], prose=True)] if lines else []


def _table(call: str, lines: list[str]) -> Table | None:
    if len(lines) >= 2 and all(
        "│" in x or "|" in x or _BOX.fullmatch(x.strip()) or FOOT.match(x.strip()) for x in lines
    ):
        return _ruled(call, lines)
    foot = [bare for x in lines if FOOT.match(bare := x.strip())]
    body = [x for x in lines if x.strip() not in foot] if foot else lines
    typed = any(x.startswith(("Name:", "dtype:", "Length:", "Freq:")) for x in foot)
    if sum(bool(_SAID.search(line)) for line in body) * 2 > len(body) and not typed:
        return None
    found = _series(call, body, typed) if typed and body else None
    if found is None and len(body) >= 2:
        found = _frame(call, body) or _series(call, body, typed)
    return found


def _ruled(call: str, lines: list[str]) -> Table:
    """Read a table whose cells stand between bars; Markdown, polars, SQL."""
    cells = [
        [c.strip() for c in re.split(r"[│|┆]", x.strip().strip("│|"))]
        for x in lines
        if re.search(r"[^\s│|┆:=+─═╪╞╡\-┌┐└┘├┤┬┴┼]", x) and not FOOT.match(x.strip())
    ]
    head, *rest = cells or [[]]
    while rest and all(
        c in ("---", "", "…") or re.fullmatch(r"(str|cat|[iuf]\d+|date|bool|datetime\[.*\]|list\[.*\])", c)
        for c in rest[0]
    ):
        rest = rest[1:]
    rows = [make_row((), list(zip(head, r, strict=False)), " ".join(r)) for r in rest if set(r) - {"…", "..."}]
    return Table(call, (), tuple(head), rows, cut=any(set(r) <= {"…", "..."} for r in rest))


def _split(line: str) -> list[str]:
    return [t for t in _GAP.split(line.strip()) if t]


def _series(call: str, lines: list[str], typed: bool) -> Table | None:
    """Read ``label   value`` lines; the first may name the index, or some of its levels where a type follows."""
    rows: list[Row] = []
    index: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    cut, wide = False, max(len(_split(line)) for line in lines)
    for place, line in enumerate(lines):
        tokens = _split(line)
        if tokens and set(tokens) <= {"...", "..", "…"}:
            cut = True
        elif place == 0 and 0 < len(tokens) < wide and (typed or len(tokens) == len(_split(lines[-1])) - 1):
            index = tuple(tokens)
        elif len(tokens) >= 2:
            labels = tuple(tokens[:-1])
            if len(labels) < len(last):  # an outer level of the index is said once
                labels = (*last[: len(last) - len(labels)], *labels)
            last = labels
            rows.append(make_row(labels, [("", tokens[-1])], line))
        else:
            return None
    if not rows or (not index and len(rows) < 2):
        return None
    return Table(call, index, ("",), rows if index else _ranged(rows), cut=cut)


def _frame(call: str, lines: list[str]) -> Table | None:
    """Read a frame as pandas prints it: its columns stand between what is blank in every line."""
    for last in (
        0,
        1,
        2,
    ):  # of the lines of the head; behind it, the names of the index may stand on a line alone
        if len(lines) > last + 2 and (table := _framed(call, lines, last, named=True)):
            return table
    return _framed(call, lines, 0, named=False)


def _framed(call: str, lines: list[str], last: int, named: bool) -> Table | None:
    body = lines[last + 1 + named :]
    dots = [line for line in body if set(line) <= set(" .…")]
    body = [line for line in body if line not in dots]
    head = lines[last].rstrip().removesuffix("\\").rstrip()
    over = head[: len(lines[last + 1].rstrip())] if named and not head[:1].isspace() else ""
    over = re.split(r"\s{2,}", over)[0]  # what the columns are called stands over all levels of the index
    bare = " " * len(over) + head[len(over) :]
    spans = _filled(_fields([bare, *lines[last + 1 : last + 1 + named], *body]), body)
    spans = _worded(spans, [bare, *lines[last + 1 : last + 1 + named]], body)
    heads = [head[a:b].strip() for a, b in spans]
    names = [lines[last + 1][a:b].strip() for a, b in spans] if named else []
    deep = max((i for i, n in enumerate(names) if n), default=-1) + 1 if named else _leading(heads)
    if len(spans) <= deep or (named and not 0 < deep < len(spans)) or not all(heads[deep:]) or not body:
        return None
    if any(number(h) is not None and not _HEAD.fullmatch(h) for h in heads[deep:]):
        return None
    if any(_WORDS_AND_NUMBER.search(h) for h in heads) or (len(spans) == 1 and re.search(r"\d", heads[0])):
        return None  # a line of words and numbers is no name of a column
    if not all(line[spans[deep][0] :].strip() for line in lines[:last]):
        return None  # words of a line before the table, not the upper names of its columns
    columns = [_over(lines[:last], span) + h for span, h in zip(spans[deep:], heads[deep:], strict=True)]
    rows, before = [], [""] * deep
    for line in body:
        texts = [line[a:b].strip() for a, b in spans]
        if not all(texts[deep:]):
            return None
        before = [t or old for t, old in zip(texts[:deep], before, strict=True)]
        rows.append(make_row(tuple(before), list(zip(columns, texts[deep:], strict=True)), line))
    across = head[: spans[deep][0]].strip() if named and deep else ""
    return Table(
        call,
        tuple(names[:deep]),
        tuple(columns),
        rows if any(names[:deep]) else _ranged(rows),
        cut=bool(dots),
        across=across,
    )


def _leading(heads: Sequence[str]) -> int:
    """Return how many columns have no head: those are the index."""
    return next((i for i, h in enumerate(heads) if h), len(heads))


def _fields(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Return where columns stand: stretches between what is blank in every line."""
    wide = max(map(len, lines))
    full = [any(len(x) > i and not x[i].isspace() for x in lines) for i in range(wide)]
    starts = [i for i in range(wide) if full[i] and (i == 0 or not full[i - 1])]
    ends = [i + 1 for i in range(wide) if full[i] and (i + 1 == wide or not full[i + 1])]
    return list(zip(starts, ends, strict=True))


def _filled(spans: list[tuple[int, int]], body: Sequence[str]) -> list[tuple[int, int]]:
    """Join a column that no row fills with the next one: its head has a space in it."""
    joined: list[tuple[int, int]] = []
    for a, b in spans:
        empty = joined and not any(line[joined[-1][0] : joined[-1][1]].strip() for line in body)
        joined[-1:] = [(joined[-1][0], b)] if empty else [*joined[-1:], (a, b)]
    return joined


def _worded(spans: list[tuple[int, int]], heads: Sequence[str], body: Sequence[str]) -> list[tuple[int, int]]:
    """Join what is no level of an index with the one before it: a word of a label, which most rows do not have."""
    joined = spans[:1]
    for a, b in spans[1:]:
        first = joined[0]
        lack = [
            x[slice(*first)].strip() for x in body if not x[a:b].strip()
        ]  # an outer level lacks the levels before
        word = bool(lack) and all(lack) and not any(x[first[1] : b].strip() for x in heads)
        joined[-1:] = [(joined[-1][0], b)] if word else [joined[-1], (a, b)]
    return joined


def _over(heads: Sequence[str], span: tuple[int, int]) -> str:
    """Return the upper levels of a column's name: the last one that begins at or before its end."""
    found = []
    for line in heads:
        before = [m.group() for m in re.finditer(r"\S+(?: \S+)*", line) if m.start() < span[1]]
        found += before[-1:]
    return "".join(f"{name} " for name in found)


def _ranged(rows: list[Row]) -> list[Row]:
    """Take a running number of the rows away from their labels: it names nothing."""
    firsts = [r.labels[0] for r in rows if r.labels]
    whole = [int(f) for f in firsts if f.isdigit()]
    texts = [len(r.labels) for r in rows]
    cells = {c for r in rows for c in r.labels[1:]}
    if len(whole) != len(rows) or not texts:
        return rows
    running = whole == list(range(whole[0], whole[0] + len(whole))) and whole[0] in (0, 1)
    scattered = bool(cells) and not any(1500 <= n <= 2200 for n in whole)
    return [Row(r.labels[1:], r.cells, r.line) for r in rows] if running or scattered else rows


def _line(line: str) -> Iterator[Row]:
    """Read a line of words and numbers: the words around each say what it is of, the first of all what all are of."""
    found = sorted(quantities(line, words=False), key=lambda q: q.start)
    shown = re.sub(r"\s+", " ", line.strip())
    if not found:
        yield Row(tuple(_WORD.findall(line)), (("", line.strip()),), shown)
        return
    lead = re.match(r"\s*([^\s:=,]*[^\W\d][^\s:=,]*)(?=:|\s)", line)
    named = lead is not None and (line[lead.end() : lead.end() + 1] == ":" or re.search(r"[._/\d]", lead[1]))
    named = named and not line[lead.end() :].lstrip().startswith("=") if lead else False
    said: list[list[str]] = [[] for _ in found]
    said[0] += _WORD.findall(line[lead.end() if lead and named else 0 : found[0].start])
    for i, (q, following) in enumerate(pairwise(found)):
        between = line[q.end : following.start]
        if _OF.search(between):  # "3 of 5 lines are errors": five lines, three errors
            rest = _WORD.findall(line[following.end : found[i + 2].start if i + 2 < len(found) else len(line)])
            said[i] += rest[1:] or rest
            said[i + 1] += rest[:1] or said[i]
            continue
        if not between.strip() or (
            between.strip() == "," and _OPEN.search(line[: q.start])
        ):  # a pair in brackets: both are of the words before
            said[i + 1] += said[i]
            continue
        if "(" in between and ")" not in between:  # what stands in brackets is of the number before them
            said[i + 1] += [*said[i], *_WORD.findall(between)]
            continue
        keyed = between.rstrip().endswith(("=", ":"))  # "n=28 mean=3.2": the word is of the next
        left, mark, right = re.match(
            r"([^,;:|)]*)([,;:|)]?)(.*)", between.rstrip().removesuffix(":"), re.S
        ).groups()  # type: ignore[union-attr]  # it matches every text
        mine, theirs = (_WORD.findall(left), _WORD.findall(right)) if mark else ([], _WORD.findall(left))
        said[i] += mine or ([] if said[i] or mark or keyed else theirs)
        said[i + 1] += theirs
    if not (len(found) > 1 and _OF.search(line[found[-2].end : found[-1].start])):
        said[-1] += _WORD.findall(line[found[-1].end :])
    for q, words in zip(found, said, strict=True):
        yield Row(
            tuple(dict.fromkeys([*([lead[1]] if lead and named else []), *words])), (("", q.text),), shown
        )
