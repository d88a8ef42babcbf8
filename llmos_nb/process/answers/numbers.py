"""How each number of an answer is known. Pure: what was computed, and what results showed, is in the state.

*Computed*: an expression of the answer gave it. *Seen*: its literal stands in a result that the model was shown; that
says where, and nothing more. *Typed*: neither. None of these says that a sentence is right.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal as OneOf

from llmos_nb.process.answers.literals import Literal, Value, clocks, columns, has_decimal_comma, is_of_month, literals
from llmos_nb.process.answers.markdown import prose, shown
from llmos_nb.process.fields import parsed
from llmos_nb.process.state import CONTROL, State
from llmos_nb.tools import Call

Kind = OneOf["computed", "seen", "typed"]
KINDS: dict[Kind, str] = {"computed": "computed", "seen": "seen", "typed": "typed by the model"}
"""Each kind in words, in the order of a headline."""

_SPACED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?: \d{3})+(?!\d)")
_COMMA = re.compile(r"(?<![\w.,(\[{])(\d+),(\d{1,2}|\d{4,})(?!\w|[.,]\d)")
_EMPHASIS = re.compile(r"(?<!\w)_{1,3}(?=\S)|(?<=[^\s_])_{1,3}(?!\w)")
_QUOTED_CODE = re.compile(r"[> ]*\d+ (.*)")
_ZONE = re.compile(r"[-+]\d\d:\d\d\Z")
_PERCENT = re.compile(r"[ \u00a0\u202f]?[%٪]")
_HEAD = re.compile(r"\|[^\n]*\|\n\|[-:| ]+\|(?:\n|\Z)")
_WORD = re.compile(r"\|[^|]*[^\W\d_]")
_UNIT = re.compile(r"[\s%٪‰€$£¥°*_]*")  # what stands beside a number in a cell that says nothing else
_BEHIND = re.compile(r"[.,']?[\w^]+|[ \u00a0\u202f]?[¼-¾⅐-⅞]")  # 7.5, 7_5, 7e5, 7^5, 7 ½
_BEFORE = re.compile(r"[\w^]+[.,']?")
_Computed = tuple[int, int, str]  # where a value stands, and its expression


@dataclass(frozen=True, slots=True)
class Source:
    """What the model was shown: the result of a call, or what another process handed over (without a call)."""

    call: str
    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number, date or time of an answer, or whatever an expression of it gave.

    Attributes
    ----------
    start, end : int
        Where it stands in the answer.
    text : str
        As it stands there.
    kind : {"computed", "seen", "typed"}
        How it is known.
    code : str
        The expression that gave it.
    call, line : str
        Where it was seen last: the call, and the line of its result.
    places : int
        In how many lines of results it stands.
    undone : str
        The call that changed what it was computed from, and was undone since.
    word : bool
        An expression gave it, and there is no digit in it.
    """

    start: int
    end: int
    text: str
    kind: Kind
    code: str = ""
    call: str = ""
    line: str = ""
    places: int = 0
    undone: str = ""
    word: bool = False


def numbers(s: State) -> tuple[Number, ...]:
    """Return the numbers of a process's answer, in order, each with how it is known.

    What was shown counts, whether or not it was undone, or failed, since; what was refused showed nothing.
    """
    ran = ("done", "undone", "failed")
    seen = tuple(
        Source(c.id, _without_its_code(c)) for c in s.calls.values() if c.status in ran and c.name not in CONTROL
    )
    piped = tuple(Source("", str(p["text"])) for p in s.piped)
    live = [c for c in s.computed or () if not c.get("own")]
    computed = tuple((c["start"], c["start"] + len(c.get("shown", c["text"])), c["code"]) for c in live)
    found = marked(s.answer or s.candidate, (*piped, *seen), computed)
    gone = {code: call for _, _, code in computed if (call := undone_below(s, code))}
    return tuple(replace(n, undone=gone[n.code]) if n.code in gone else n for n in found) if gone else found


def undone_below(s: State, code: str) -> str:
    """Return the call that changed a name which an expression of the answer holds, and was undone since; or nothing."""
    names = set(re.findall(r"\w+", code))
    over = (s.calls[i] for i in s.computed_over if s.calls[i].status == "undone")
    return next((c.id for c in over if not names.isdisjoint(c.changes.names)), "")


def _without_its_code(call: Call) -> str:
    """Return the result of a call; of an error, without the lines of the model's own code that it quotes."""
    if call.status != "failed" or not call.code:
        return call.result
    own = {line.strip() for line in call.code.splitlines()}
    lines = ((line, _QUOTED_CODE.match(line)) for line in call.result.split("\n"))
    return "\n".join(line for line, quoted in lines if not (quoted and quoted[1].strip() in own))


@lru_cache(maxsize=64)
def marked(answer: str, sources: tuple[Source, ...], computed: tuple[_Computed, ...] = ()) -> tuple[Number, ...]:
    """Return the numbers of a text, each with how it is known.

    Parameters
    ----------
    answer : str
        Markdown. Numbers in code, formulas and addresses are left alone.
    sources : tuple of Source
        What the model was shown, in order.
    computed : tuple of (int, int, str)
        Where each value that an expression gave stands in the answer, and the expression.
    """
    given = {i for start, end, _ in computed for i in range(start, end)}
    stretches = prose(answer)
    said = "\n".join("".join(answer[i] for i in range(a, b) if i not in given) for a, b in stretches)
    comma = has_decimal_comma(said)
    read = _plainer(answer, comma)
    found = [
        replace(each, start=a + each.start, end=a + each.end)
        for a, b in stretches
        for each in (_settled(x, sources) for x in literals(read[a:b], comma))
    ]
    glued = _glued(answer, computed, comma)
    made = [n for value in computed if value not in glued for n in _computed(answer, value, found)]
    free = [x for x in found if not any(x.start < n.end and n.start < x.end for n in made)]
    free = [x for x in free if not any(a <= x.start and x.end <= b for a, b, _ in glued)]  # they show no number
    partly = {x: code for a, b, code in glued for x in free if x.start < b and a < x.end}
    made += [replace(_seen_or_typed(answer, x, sources), code=partly.get(x, "")) for x in free]
    return tuple(sorted(made, key=lambda number: number.start))


def _plainer(answer: str, comma: bool) -> str:
    """Return an answer, letter by letter, in fewer spellings: thousands that spaces part, 3,5 beside 1.5, _12_."""
    read = _EMPHASIS.sub(lambda m: "*" * len(m.group()), answer)
    read = read if comma else _COMMA.sub(r"\1.\2", read)
    return _SPACED.sub(lambda m: m.group().replace(" ", "\u202f"), read)


def _settled(x: Literal, sources: Sequence[Source]) -> Literal:
    """Return what is a day only where such a day stands in a result, else the number behind a month's name."""
    days = (x.value in _index(source.text) for source in sources)
    return x if x.bare is None or any(days) else x.bare


def _glued(answer: str, computed: Sequence[_Computed], comma: bool) -> list[_Computed]:
    """Return the values that what is seen beside them makes other numbers of, such as by the 9 of ``**9**{{x}}``.

    What other values of expressions add, as in ``{{year}}-{{month:02d}}``, does not.
    """
    values = [v for v in computed if "\n" not in answer[v[0] : v[1]]]
    lines = [*shown(answer, [v[:2] for v in values])] if values else []
    if len(lines) != len(values):  # something of the answer is not shown as it was read
        return values
    given = defaultdict[str, set[int]](set)
    for line, span in lines:
        given[line] |= {*range(*span)}
    return [v for v, (line, span) in zip(values, lines, strict=True) if _another(line, span, given[line], comma)]


def _another(line: str, span: tuple[int, int], given: Container[int], comma: bool) -> bool:
    """Return whether a line says another number than stands in a part of it."""
    start, end = span
    if not any(c.isdigit() for c in line[start:end]):
        return False
    for x in literals(_plainer(line, comma), comma):
        if x.start < end and start < x.end and (x.start < start or end < x.end):
            negated = line[x.start] in "-−–‑" and x.start not in given
            if negated or any(line[i].isdigit() and i not in given for i in range(x.start, x.end)):
                return True
    around = [*_BEFORE.finditer(line, max(start - 20, 0), start), *_BEHIND.finditer(line, end, end + 20)]
    beside = [i for m in around if start in m.span() or end in m.span() for i in range(*m.span())]
    return any(line[i].isnumeric() and (i not in given or i in (start - 1, end)) for i in beside)


def _computed(answer: str, value: _Computed, found: Sequence[Literal]) -> Iterator[Number]:
    """Return one number for a value; of one of several lines each number in it, but for those that only label others.

    Those stand in the head of a table or with more in a cell, or in front of rows of which others begin with a word, or
    the expression itself has them in a text or a list.
    """
    start, end, code = value
    text = answer[start:end]
    within = [x for x in found if start <= x.start and x.end <= end]
    if "\n" not in text or not within:
        yield Number(start, end, text, "computed", code, word=not any(map(str.isdigit, text)))
        return
    head, labels = _HEAD.match(text), _labels(code)
    bare = "".join(" " if any(x.start <= i < x.end for x in within) else answer[i] for i in range(start, end))
    bare = bare.replace("\\|", "xx")  # a bar in a cell
    named = head is not None and any(_WORD.match(row) for row in bare[head.end() :].split("\n"))
    for x in within:
        at = x.start - start
        before = bare[:at].rpartition("\n")[2]
        cell = before.rpartition("|")[2] + bare[at:].partition("|")[0]
        fills = head is None or (at >= head.end() and _UNIT.fullmatch(cell))
        if fills and x.value not in labels and not (named and before.count("|") == 1):
            yield Number(x.start, x.end, answer[x.start : x.end], "computed", code)


def _labels(code: str) -> set[Value]:
    """Return what an expression has in its texts, and as parts of its lists and tables."""
    field, parts = parsed(code), list[ast.expr | None]()
    for node in ast.walk(field.value) if field else ():
        match node:
            case ast.List(elts=inner) | ast.Tuple(elts=inner) | ast.Set(elts=inner):
                parts += inner
            case ast.Dict(keys=keys, values=values):
                parts += [*keys, *values]
            case ast.Constant(value=str()):
                parts.append(node)
    return {x.value for p in parts if isinstance(p, ast.Constant) for x in literals(str(p.value))}


def _seen_or_typed(answer: str, x: Literal, sources: Sequence[Source]) -> Number:
    text = answer[x.start : x.end]
    value = x.value
    key = (int(value), 0, 0) if isinstance(value, Decimal) and len(text) == 4 and text.isdigit() else value
    share = value.scaleb(-2) if isinstance(value, Decimal) and _PERCENT.match(answer, x.end) else value
    spelled: set[Value] = {x.glued} if x.glued else {value, key, share, x.also}
    lines = ((s, {at for v in spelled for at in _index(s.text).get(v, ())}) for s in sources)  # by where they begin
    places = [(source, at) for source, found in lines for at in sorted(found)]
    if x.month:
        places = [(source, at) for source, at in places if is_of_month(_line(source.text, at), x)]
    if not places:
        return Number(x.start, x.end, text, "typed")
    source, at = places[-1]
    line = _line(source.text, at).strip()
    return Number(x.start, x.end, text, "seen", call=source.call, line=line, places=len(places))


def _line(text: str, at: int) -> str:
    return text[at:].partition("\n")[0]


@lru_cache(maxsize=256)
def _index(text: str) -> Mapping[Value, Sequence[int]]:
    """Return by value where the lines begin in which the literals of a result stand.

    A date is there by its year, by its month and as a day of any year as well, and a time without its zone.
    """
    found: dict[Value, list[int]] = defaultdict(list)
    lines = [0, *(m.end() for m in re.finditer("\n", text))]
    apart = clocks(columns(text))
    for x in literals(apart, has_decimal_comma(apart)):
        at = lines[bisect_right(lines, x.start) - 1]
        for said in {x.value, x.glued, x.also} - {""}:
            found[said].append(at)
        if x.bare is not None:
            found[x.bare.value].append(at)
        if isinstance(x.value, tuple):
            year, month, day = x.value
            for less in {(year, 0, 0), (year, month, 0), (0, month, day)} - {x.value}:
                found[less].append(at)
        elif isinstance(x.value, str) and (zone := _ZONE.search(x.value)):
            found[x.value[: zone.start()]].append(at)
    return dict(found)


def counted(found: Sequence[Number]) -> str:
    """Return how many numbers are known in which way: ``7 computed, 4 seen, 1 typed by the model``; empty for none.

    What an expression gave that is no number is counted by itself, at the end.
    """
    n = Counter(number.kind for number in found)
    texts = [number for number in found if number.word]
    computed = [number for number in found if number.kind == "computed" and not number.word]
    words = {"computed": f"{KINDS['computed']}{_gone(computed)}"}
    n["computed"] = len(computed)
    told = [f"{n[kind]} {words.get(kind, how)}" for kind, how in KINDS.items() if n[kind]]
    return ", ".join([*told, *([f"{len(texts)} computed text{'s' * (len(texts) > 1)}{_gone(texts)}"] if texts else [])])


def _gone(computed: Sequence[Number]) -> str:
    """Say of how many values something that they were computed from was undone since."""
    gone = sum(bool(number.undone) for number in computed)
    return f" ({gone if gone < len(computed) else 'all'} from what was undone since)" if gone else ""


def said(number: Number) -> str:
    """Return where a number is from: its expression, or the line of a result in which it stands."""
    if number.kind == "typed" and number.code:
        return f"digits beside {number.code}"
    if number.kind != "seen":
        return f"{number.code} ({number.undone} was undone since)" if number.undone else number.code
    more = f" and in {number.places - 1} more" if number.places > 1 else ""
    return f"{number.line}{more}"
