"""What the record in a notebook must look like to be compared at all: the kinds of what `verify` reads of it."""

from __future__ import annotations

from functools import cache
from typing import Any

from llmos_nb.export.verify.seal import KEY

_TEXT, _WHOLE, _NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}


def _object(required: str, **kinds: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": kinds}


def _list(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": kind}


_INDEX = _list(_object("id source outputs metadata", id=_TEXT))
_SAID = {"type": ["string", "null"]}
_PROCESS = _object(
    "pid journal", pid=_WHOLE, journal=_object("", events=_WHOLE, path=_TEXT),
    goal=_SAID, name=_SAID, model=_SAID, reason=_SAID, answer=_SAID,
)  # fmt: skip
_RECORD = _object(
    "inputs platform tolerance",
    inputs=_list(_object("path sha256", path=_TEXT, sha256=_TEXT)),
    platform=_object("python machine system", python=_TEXT),
    tolerance=_object("rel abs image", rel=_NUMBER, abs=_NUMBER, image=_NUMBER),
    processes=_list(_PROCESS),
    journals=_list(_object("pid events", pid=_WHOLE, events=_list(_object("n hash")))),
    cells=_INDEX,
    parts={"type": "object"},
    missing={"type": "object"},
    pylock=_TEXT,
)
_LINES = {"anyOf": [{"const": "all"}, _list(_WHOLE)]}
_CELL = _object(
    "", call=_TEXT, asserted=_WHOLE, values=_TEXTS, contents=_TEXTS,
    volatile={"type": "object", "additionalProperties": _LINES},
)  # fmt: skip


def _with_record(kind: Any) -> dict[str, Any]:
    return {"properties": {"metadata": {"properties": {KEY: kind}}}}


@cache
def _check() -> Any:
    import fastjsonschema  # comes with nbformat

    whole = _with_record(_RECORD)
    whole["properties"]["cells"] = _list(_with_record(_CELL))
    return fastjsonschema.compile(whole, use_default=False)


def misshapen(book: Any) -> tuple[str, str]:
    """Return where the record of a notebook is not of the kind that it must be, and what it must be.

    Parameters
    ----------
    book : mapping
        A notebook that is one of nbformat.

    Returns
    -------
    where, what : str
        Two empty texts where all that is read of it can be.
    """
    from fastjsonschema import JsonSchemaValueException

    try:
        _check()(book)
    except JsonSchemaValueException as error:
        name = str(error.name)
        where, what = name.removeprefix("data."), error.message.removeprefix(name)
        return " ".join(where.split()), " ".join(what.split())
    return "", ""
