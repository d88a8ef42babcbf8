"""The fields of an answer: where ``{{expression}}`` stands in it, and what it says, as the field of an f-string does.

What stands in code or in mathematics is no field; one in the address of a link, or in HTML, is shown as code. What
does not parse is one that fails, and ends on its line; one that only its last brace is wrong with, as ``{{x:.1f} }``,
says all the same what is meant.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llmos_nb.tools.devices.child import TABLE

OPEN, CLOSE = "{{", "}}"
LONGEST = 400  # characters of what does not parse, and may be a field all the same
TRIES = 20  # braces that may end a field
_BRACES, _BRACE = re.compile(r"\}\}+"), re.compile(r"\}(?: \})?")
_PART = re.compile(r"[^\n]+")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_HEAD = re.compile(r"(?P<value>.*?)(?P<same>\s*=\s*)?(?:!(?P<conversion>[rsa])\s*)?", re.DOTALL)


class Field(NamedTuple):
    """What an expression says.

    Attributes
    ----------
    value : ast.expr
        What is evaluated.
    conversion, spec : str
        ``r``, ``s``, ``a`` or empty, and its format.
    before : str
        What is shown before it, as of ``x=``.
    """

    value: ast.expr
    conversion: str = ""
    spec: str = ""
    before: str = ""

    @property
    def asked(self) -> dict[str, str]:
        """The field as `looking.looked` takes it."""
        return {"value": ast.unparse(self.value), "conversion": self.conversion, "spec": self.spec}


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression of an answer.

    Attributes
    ----------
    start, end : int
        Where it stands, with its braces.
    code : str
        The expression as it was written, with its format: ``x:.2f``.
    """

    start: int
    end: int
    code: str


def expressions(answer: str) -> list[Expression]:
    """Return the expressions of an answer, those that do not parse included; empty ones are none."""
    from llmos_nb.process.answers.markdown import prose  # the parser is slow to import

    return _among(answer, prose)


def inert(answer: str) -> str:
    """Return an answer in which the expressions in addresses and in HTML are code: nothing is evaluated there."""
    from llmos_nb.process.answers.markdown import markup  # the parser is slow to import

    for x in reversed(_among(answer, markup)):
        answer = answer[: x.start] + as_source(x.code) + answer[x.end :]
    return answer


def in_tables(answer: str) -> Sequence[tuple[int, int]]:
    """Return the stretches of an answer that are tables, with values in the places of its expressions."""
    from llmos_nb.process.answers.markdown import tables  # the parser is slow to import

    for x in expressions(answer):
        answer = f"{answer[: x.start]}{_PART.sub(_like_a_value, answer[x.start : x.end])}{answer[x.end :]}"
    return tables(answer)


def _among(answer: str, of: Callable[[str], Sequence[tuple[int, int]]]) -> list[Expression]:
    """Return the expressions that begin in some of the stretches of a Markdown text."""
    if OPEN not in answer:
        return []
    spans, shown, at = list[tuple[int, int]](), answer, 0
    while (start := answer.find(OPEN, at)) >= 0:
        end = _parses(answer, start + len(OPEN))
        at = end or start + 1
        if end:  # Markdown is read as it will be: with a value in the place of the field
            spans.append((start, end))
            shown = f"{shown[:start]}{_PART.sub(_like_a_value, answer[start:end])}{shown[end:]}"
    stretches = of(shown)
    spans = [s for s in spans if any(a <= s[0] < b for a, b in stretches)]
    for a, b in stretches:
        at = a
        while (start := shown.find(OPEN, at, b)) >= 0:
            end = _on_its_line(shown, start + len(OPEN), b)
            at = end or start + len(OPEN)
            spans += [(start, end)] if end else []
    found = [Expression(a, b, _inside(answer[a + len(OPEN) : b])) for a, b in sorted(set(spans))]
    return [x for x in found if x.code]


def _inside(field: str) -> str:
    """Return what stands between the braces of a field; one that is closed by one brace, or by three, is plain, too."""
    code = field.removesuffix(CLOSE).strip()
    meant = field.rstrip("} ").strip()
    return meant if parsed(code) is None and parsed(meant) is not None else code


def _like_a_value(part: re.Match[str]) -> str:
    return f"0{'x' * (len(part.group()) - 2)}0"[: len(part.group())]


def _parses(text: str, at: int) -> int:
    """Return where a field ends that parses, in its paragraph; 0 for nowhere."""
    blank = _PARAGRAPH.search(text, at)
    stop, end = blank.start() if blank else len(text), at - 1
    for _ in range(TRIES):
        end = text.find(CLOSE, end + 1, stop)
        if end < 0:
            break
        if text[end : end + 3] != CLOSE + "}" and parsed(text[at:end]) is not None:
            return end + len(CLOSE)
    return 0


def _on_its_line(text: str, at: int, stop: int) -> int:
    """Return where a field ends that is not closed as it should be: behind the braces on its line; 0 for nowhere."""
    inside = text[at:stop].partition("\n")[0].partition(OPEN)[0]
    found = _BRACES.search(inside) or _BRACE.search(inside)
    return at + found.end() if found else 0


def closes(text: str, start: int, last: bool) -> tuple[int, bool]:
    """Return where a field of an answer ends that is still written, or 0, and whether that is settled."""
    at = start + len(OPEN)
    end = _parses(text, at)
    whole = last or len(text) > start + LONGEST or _PARAGRAPH.search(text, at) is not None
    if whole or 0 < end < len(text):  # else another brace may come
        return end or _on_its_line(text, at, len(text)), True
    return 0, False


def parsed(code: str) -> Field | None:
    """Return what an expression says, or None where it is none."""
    text = code.strip()
    for colon in (
        len(text),
        *(m.start() for m in re.finditer(":", text)),
    ):  # the first behind an expression: `t:%H:%M`
        found = _HEAD.fullmatch(text[:colon])
        for head in (text[:colon].rstrip(), found["value"] if found else ""):
            try:
                value = ast.parse(head, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            spec, rest = text[colon + 1 :], text[len(head) : colon]
            if any(c in spec for c in "{}\n"):  # it went on into another field
                continue
            if found is None or not rest.strip():
                return Field(value, "", spec)
            before = head + (found["same"] or "")
            conversion = found["conversion"] or ("r" if found["same"] and not spec else "")
            return Field(value, conversion, spec, before if found["same"] else "")
    return None


def as_code(code: str, form: str | None = None) -> str:
    """Return an expression of an answer as Python that gives its text, or the table that is told.

    Parameters
    ----------
    code : str
        The expression, as it was written.
    form : str, optional
        By which format its text came about, as the event has it; without it, as former versions had it.
    """
    field = parsed(code)
    assert field is not None  # noqa: S101 - only what parses was evaluated
    value = ast.unparse(field.value)
    if field.conversion:
        value = f"{ {'r': 'repr', 's': 'str', 'a': 'ascii'}[field.conversion] }({value})"
    if form == TABLE and not field.spec:
        return value
    if form is None and not (field.spec or field.conversion):
        return f"(lambda value: format(value, '.10g') if isinstance(value, float) else value)({value})"
    spec = field.spec or form
    return f"format({value}, {spec!r})" if spec else value


def is_table(code: str, form: str | None) -> bool:
    """Return whether an expression was told as a table, by the format by which its text came about."""
    field = parsed(code)
    return form == TABLE and field is not None and not field.spec


def as_source(code: str) -> str:
    """Return an expression as Markdown shows code: what is seen of one that gave nothing."""
    line = " ".join(code.split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"`{line}`"
