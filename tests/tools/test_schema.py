"""Signatures of every kind as strict schemas, docstrings of every style, and plain arguments as real calls."""

import dataclasses
import datetime
import decimal
import enum
import functools
import pathlib
import typing
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, Union

import jsonschema
import pydantic
import pytest

from llmos_nb.errors import BadArguments, UsageError
from llmos_nb.tools import as_tool, validate
from llmos_nb.tools.schema.signature import read_signature


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.0
    when: Optional["datetime.date"] = None


@dataclasses.dataclass
class Tree:
    name: str
    children: list["Tree"] = dataclasses.field(default_factory=list)


class Box(TypedDict):
    width: int
    note: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: Color = Color.RED


class Inner(pydantic.BaseModel):
    n: int = pydantic.Field(ge=1, description="how many")


class Model(pydantic.BaseModel):
    inner: Inner
    title: str = "none"


UserId = NewType("UserId", int)


def result_of(code, **space):
    """Run code that we made, and give what its last line gives."""
    *before, last = code.splitlines()
    exec("\n".join([*before, f"it = {last}"]), space)
    return space["it"]


def schema_of(annotation, default=...):
    def f(x): ...

    f.__annotations__ = {"x": annotation}
    if default is not ...:
        f.__defaults__ = (default,)
    return read_signature(f).schema


def property_of(annotation, default=...):
    return schema_of(annotation, default)["properties"]["x"]


STRING, INTEGER, NUMBER, NULL = ({"type": t} for t in ("string", "integer", "number", "null"))


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, STRING),
        (int, INTEGER),
        (float, NUMBER),
        (bool, {"type": "boolean"}),
        (None, NULL),
        (Any, {}),
        (object, {}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": INTEGER}),
        (list[str], {"type": "array", "items": STRING}),
        (Sequence[int], {"type": "array", "items": INTEGER}),
        (set[str], {"type": "array", "items": STRING}),
        (tuple[int, ...], {"type": "array", "items": INTEGER}),
        (tuple[int, str], {"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "maxItems": 2}),
        (dict, {"type": "object"}),
        (dict[str, int], {"type": "object", "additionalProperties": INTEGER}),
        (Mapping[str, Any], {"type": "object"}),
        (dict[int, str], {"type": "object", "additionalProperties": STRING}),
        (Optional[int], {"anyOf": [INTEGER, NULL]}),  # noqa: UP045 - the old spelling is tested
        (int | str, {"anyOf": [INTEGER, STRING]}),
        (int | float, NUMBER),
        (Union[int, Any], {}),  # noqa: UP007 - the old spelling is tested
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1, "a"], {"enum": [1, "a"]}),
        (Color, {"type": "string", "enum": ["red", "blue"]}),
        (Level, {"type": "integer", "enum": [1, 2]}),
        (datetime.date, {"type": "string", "format": "date"}),
        (datetime.datetime, {"type": "string", "format": "date-time"}),
        (pathlib.Path, {"type": "string", "format": "path"}),
        (decimal.Decimal, {"type": "string", "format": "decimal"}),
        (uuid.UUID, {"type": "string", "format": "uuid"}),
        (datetime.timedelta, {"type": "number", "description": "seconds"}),
        (UserId, INTEGER),
        (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
        (Annotated[int, pydantic.Field(ge=1, le=5)], {"type": "integer", "minimum": 1, "maximum": 5}),
        (typing.TypeVar("T"), {}),
        (typing.TypeVar("S", bound=int), INTEGER),
        ("NoSuchName", {}),
        ("list[int]", {"type": "array", "items": INTEGER}),
        (typing.Callable[[int], int], {}),
        (
            Point,
            {
                "type": "object",
                "properties": {
                    "x": INTEGER,
                    "y": NUMBER,
                    "when": {"anyOf": [{"type": "string", "format": "date"}, NULL]},
                },
                "required": ["x"],
                "additionalProperties": False,
            },
        ),
        (
            Box,
            {
                "type": "object",
                "properties": {"width": INTEGER, "note": STRING},
                "required": ["width"],
                "additionalProperties": False,
            },
        ),
        (
            Model,
            {
                "type": "object",
                "properties": {
                    "inner": {
                        "type": "object",
                        "properties": {"n": {"type": "integer", "minimum": 1, "description": "how many"}},
                        "required": ["n"],
                        "additionalProperties": False,
                    },
                    "title": {"type": "string", "default": "none"},
                },
                "required": ["inner"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_annotations(annotation, schema):
    found = property_of(annotation)
    assert found == schema
    jsonschema.Draft202012Validator.check_schema(found)


def test_a_default_of_none_means_optional():
    assert schema_of(int, None) == {
        "type": "object",
        "properties": {"x": {"anyOf": [INTEGER, NULL]}},
        "required": [],
        "additionalProperties": False,
    }


def test_small_plain_defaults_are_said_and_others_are_not():
    assert property_of(int, 3)["default"] == 3
    assert "default" not in property_of(list, ["x" * 200])
    assert "default" not in property_of(float, float("nan"))
    assert "default" not in property_of(Color, Color.RED)


def test_one_unknown_name_does_not_spoil_the_others():
    def f(a: "Missing", b: "int"): ...  # noqa: F821

    assert read_signature(f).schema["properties"] == {"a": {}, "b": INTEGER}


def numpy_style(n, word):
    """Count things.

    Much more is said here.

    Parameters
    ----------
    n : int
        How many,
        over two lines.
    word : str
        Which.

    Returns
    -------
    int
        The count.
    """


def google_style(n, word): ...


google_style.__doc__ = """Count things.

    Much more is said here.

    Args:
        n (int): How many,
            over two lines.
        word (str): Which.

    Returns:
        int: The count.
    """


def sphinx_style(n, word):
    """Count things.

    Much more is said here.

    :param int n: How many,
        over two lines.
    :param word: Which.
    :returns: The count.
    """


@pytest.mark.parametrize("fn", [numpy_style, google_style, sphinx_style])
def test_docstrings_of_each_style(fn):
    found = read_signature(fn)
    assert found.description == "Count things.\nMuch more is said here.\nReturns The count."
    assert {k: v["description"] for k, v in found.schema["properties"].items()} == {
        "n": "How many, over two lines.",
        "word": "Which.",
    }


def test_a_plain_or_a_missing_docstring_and_a_long_one():
    def plain():
        """Just: a sentence - with (signs)."""

    def long():
        pass

    long.__doc__ = "word " * 10_000
    assert read_signature(plain).description == "Just: a sentence - with (signs)."
    assert len(read_signature(long).description.encode()) <= 1010
    assert as_tool(schema_of).description == "Call the function schema_of."


def positional(a, b=2, /, c=3, *rest: int, d, **more: float):
    return a, b, c, rest, d, more


def test_all_kinds_of_parameters():
    tool = as_tool(positional)
    assert tool.schema["required"] == ["a", "d"]
    assert tool.schema["additionalProperties"] == NUMBER
    assert tool.schema["properties"]["rest"] == {"type": "array", "items": INTEGER}
    arguments = validate(tool, {"a": 1, "d": 4, "rest": ["5", 6], "z": "1.5"})
    args, kwargs = tool.signature.bind(arguments, "key")
    assert positional(*args, **kwargs) == (1, 2, 3, (5, 6), 4, {"z": 1.5})
    assert result_of(tool.to_code(arguments), positional=positional) == (1, 2, 3, (5, 6), 4, {"z": 1.5})
    args, kwargs = tool.signature.bind({"a": 1, "d": 4}, "key")
    assert positional(*args, **kwargs) == (1, 2, 3, (), 4, {})


def test_the_idempotency_key_is_no_argument_of_the_model():
    def send(text: str, idempotency_key: str): ...

    found = read_signature(send)
    assert list(found.schema["properties"]) == found.schema["required"] == ["text"]
    assert found.bind({"text": "x"}, "k1") == ([], {"text": "x", "idempotency_key": "k1"})


def everything(
    *,
    p: Point,
    c: Color,
    t: tuple[int, Color],
    s: set[int],
    b: Box,
    m: Model,
    u: int | Point | datetime.date,
    pair: Pair,
    tree: Tree,
    d: dict[int, Point],
    path: pathlib.Path,
    price: decimal.Decimal,
    wait: datetime.timedelta,
    o: Point | None = None,
    at: datetime.datetime | None = None,
):
    return p, c, t, s, b, m, u, pair, tree, d, path, price, wait, o, at


PLAIN = {
    "p": {"x": 1, "when": "2024-05-31"},
    "c": "blue",
    "t": [1, "red"],
    "s": [1, 1, 2],
    "b": {"width": 1},
    "m": {"inner": {"n": 2}},
    "u": "2024-01-01",
    "pair": {"left": 1, "right": "blue"},
    "tree": {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]},
    "d": {"3": {"x": 1}},
    "path": "a/b",
    "price": 1.5,
    "wait": 90,
    "at": "2024-05-31T12:00:00",
}
BUILT = (
    Point(1, 0.0, datetime.date(2024, 5, 31)),
    Color.BLUE,
    (1, Color.RED),
    {1, 2},
    {"width": 1},
    Model(inner=Inner(n=2)),
    datetime.date(2024, 1, 1),
    Pair(1, Color.BLUE),
    Tree("a", [Tree("b", [Tree("c")])]),
    {3: Point(1)},
    pathlib.Path("a/b"),
    decimal.Decimal("1.5"),
    datetime.timedelta(seconds=90),
    None,
    datetime.datetime(2024, 5, 31, 12),
)


def test_the_function_gets_what_it_annotated():
    tool = as_tool(everything)
    args, kwargs = tool.signature.bind(validate(tool, PLAIN), "key")
    assert everything(*args, **kwargs) == BUILT


def test_the_code_of_a_call_runs_and_gives_the_same():
    tool = as_tool(everything)
    assert result_of(tool.to_code(validate(tool, PLAIN)), everything=everything) == BUILT


def test_a_value_that_the_annotated_class_refuses_names_the_field():
    class Even(pydantic.BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def even(cls, n):
            if n % 2:
                raise ValueError("must be even")
            return n

    def f(e: Even): ...

    f.__annotations__ = {"e": Even}
    with pytest.raises(BadArguments, match=r"^e: ValidationError: .*must be even"):
        read_signature(f).bind({"e": {"n": 3}}, "key")


def test_methods_partials_callables_classes_and_builtins():
    class Service:
        def find(self, text: str) -> str:
            """Find it."""

        def __call__(self, n: int) -> int:
            """Call it."""

        @classmethod
        def make(cls, n: "int"): ...

    assert read_signature(Service().find).schema["properties"] == {"text": STRING}
    assert read_signature(Service()).schema["properties"] == {"n": INTEGER}
    assert read_signature(Service()).description == "Call it."
    assert read_signature(Service.make).schema["properties"] == {"n": INTEGER}
    assert read_signature(Point).schema["required"] == ["x"]
    held = functools.partial(numpy_style, word="x")
    assert read_signature(held).schema["required"] == ["n"]
    assert read_signature(sorted).schema["required"] == ["iterable"]
    service = Service()
    service.__signature__ = "not a signature"
    with pytest.raises(UsageError, match="no signature"):
        read_signature(service)


def test_wrapped_functions_keep_their_signature():
    @functools.wraps(numpy_style)
    def wrapper(*args, **kwargs): ...

    assert list(read_signature(wrapper).schema["properties"]) == ["n", "word"]
