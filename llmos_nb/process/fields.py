"""The fields of an answer: where ``{{expression}}`` stands in it, and what it says, as the field of an f-string does.

What stands in code or in mathematics is no field. What does not parse is one that fails: no braces are shown.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from llmos_nb.tools.devices.child import TABLE, markdown_table

OPEN, CLOSE = "{{", "}}"
LONGEST = 400  # characters of what does not parse, and may be a field all the same
TRIES = 20  # braces that may end a field
_CODE = re.compile(
    r"(?ms)^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1|\Z)|(?<!`)(`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)\2(?!`)"
    # mathematics: as pandoc reads it, where it has a command, a power or an index, and is no amount such as ${{price}}
    r"|\$\$(?!\{\{)(?:(?!\n[ \t]*\n).)+?\$\$|\\\[.+?\\\]|\\\(.+?\\\)"
    r"|(?<![\\$])\$(?![\s$]|\{\{)(?=[^$]*(?:[\\^]|_\{))(?:(?!\n[ \t]*\n)[^$])+?(?<![\s\\])\$(?!\d|\{\{)"
)
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


def prose(answer: str) -> list[tuple[int, int]]:
    """Return where an answer is neither code nor mathematics."""
    ends = [m.span() for m in _CODE.finditer(answer)]
    return list(zip([0, *(b for _, b in ends)], [*(a for a, _ in ends), len(answer)], strict=True))


def expressions(answer: str) -> list[Expression]:
    """Return the expressions of an answer, those that do not parse included; empty ones are none."""
    found: list[Expression] = []
    at = 0
    for begin, stop in prose(answer):
        at = max(at, begin)
        while (start := answer.find(OPEN, at, stop)) >= 0:
            end = _end(answer, start + len(OPEN))
            at = max(end, start + len(OPEN))
            if code := answer[start + len(OPEN) : end - len(CLOSE)].strip() if end else "":
                found.append(Expression(start, end, code))
    return found


def _end(answer: str, at: int) -> int:
    """Return where a field ends: behind the braces up to which it parses, else behind the first ones; 0 for nowhere."""
    first = end = answer.find(CLOSE, at)
    for _ in range(TRIES):
        if end >= 0 and answer[end : end + 3] != CLOSE + "}" and parsed(answer[at:end]) is not None:
            return end + len(CLOSE)
        end = answer.find(CLOSE, end + 1) if end >= 0 else end
    inside = answer[at : max(first, at)]
    return first + len(CLOSE) if first >= 0 and len(inside) <= LONGEST and "\n\n" not in inside else 0


def closes(text: str, start: int, last: bool) -> tuple[int, bool]:
    """Return where a field of an answer ends that is still written, or 0, and whether that is settled."""
    whole = len(text) > start + LONGEST or last
    inside, blank, _ = text[start : start + LONGEST].partition("\n\n")
    end = inside.find(CLOSE, len(OPEN))
    while end >= 0 and (end + 2 < len(inside) or whole or blank):
        if inside[end : end + 3] != CLOSE + "}" and parsed(inside[len(OPEN) : end]) is not None:
            return start + end + len(CLOSE), True
        end = inside.find(CLOSE, end + 1)
    first = inside.find(CLOSE, len(OPEN))
    settled = whole or bool(blank)
    return (start + first + len(CLOSE) if settled and first >= 0 else 0), settled


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
            if found is None or not rest.strip():
                return Field(value, "", spec)
            before = head + (found["same"] or "")
            conversion = found["conversion"] or ("r" if found["same"] and not spec else "")
            return Field(value, conversion, spec, before if found["same"] else "")
    return None


def as_code(code: str, form: str | None = None) -> str:
    """Return an expression of an answer as Python that gives its text.

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
        return f"{markdown_table.__name__}({value})"
    if form is None and not (field.spec or field.conversion):
        return f"(lambda value: format(value, '.10g') if isinstance(value, float) else value)({value})"
    spec = field.spec or form
    return f"format({value}, {spec!r})" if spec else value


def definitions(values: Iterable[Mapping[str, Any]]) -> str:
    """Return the source of what the code of values calls; empty for most."""
    return inspect.getsource(markdown_table) if any(v.get("format") == TABLE for v in values) else ""


def as_source(code: str) -> str:
    """Return an expression as Markdown shows code: what is seen of one that gave nothing."""
    line = " ".join(code.split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}" if longest else f"`{line}`"
