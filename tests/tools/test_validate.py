"""Arguments as models send them: parsed or refused with a position, checked field by field, safely coerced."""

import json
import math

import jsonschema
import pytest
from hypothesis import given, strategies as st

from llmos_nb.errors import BadArguments, UnknownTool
from llmos_nb.tools import as_tool, parse_arguments, unknown_tool, validate
from llmos_nb.tools.schema import conform


def order(item: str, count: int, price: float = 1.0, express: bool = False, tags: list[str] = (), extra: dict = None):
    """Order something."""


ORDER = as_tool(order)
GOOD = {"item": "tea", "count": 3}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('{"a": 1', "line 1, column 8"),
        ('{"a": 1,\n "b": x}', "line 2, column 7"),
        ("not json", "line 1, column 1"),
        ("[1, 2]", "got an array"),
        ("null", "got null"),
        ("3", "got an integer"),
        ('"{}"', "got a string"),
        ("NaN", "NaN is not a JSON value"),
        ('{"a": NaN}', "NaN is not a JSON value"),
        ('{"a": [1e999]}', "a[0]: NaN and infinity"),
        ('{"a": ' + "9" * 5000 + "}", "not usable"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nested deeper"),
        ('{"a": ' + "[" * 100_000, "nested too deep"),
    ],
)
def test_arguments_that_are_no_object_are_refused_with_what_is_wrong(raw, said):
    with pytest.raises(BadArguments) as caught:
        parse_arguments(raw)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        list,
        lambda: math.nan,
        lambda: 3,
        lambda: {"a": {"b": [math.inf]}},
        lambda: {"a": 10**5000},
    ],
)
def test_objects_are_held_to_the_same_rules_as_texts(make):
    with pytest.raises(BadArguments):
        parse_arguments(make())


def test_an_object_and_its_text_give_the_same():
    assert parse_arguments('{"a": [1, "ü"]}') == parse_arguments({"a": [1, "ü"]}) == {"a": [1, "ü"]}
    assert parse_arguments("") == parse_arguments(" {} ") == {}


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_text_gives_an_object_or_bad_arguments(raw):
    try:
        assert isinstance(parse_arguments(raw), dict)
    except BadArguments as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("field", "given_value", "made"),
    [
        ("count", "3", 3),
        ("count", 3.0, 3),
        ("count", "-12", -12),
        ("price", 3, 3),
        ("price", "2.5", 2.5),
        ("price", "1e3", 1000.0),
        ("express", "true", True),
        ("express", "False", False),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("tags", ("a",), ["a"]),
        ("extra", '{"a": 1}', {"a": 1}),
        ("extra", None, None),
    ],
)
def test_safe_coercions_are_made(field, given_value, made):
    found = validate(ORDER, {**GOOD, field: given_value})[field]
    assert found == made and type(found) is type(made)


@pytest.mark.parametrize(
    ("field", "given_value"),
    [
        ("count", "three"),
        ("count", 3.5),
        ("count", True),
        ("count", None),
        ("count", "3.0"),
        ("count", "٣"),
        ("price", "abc"),
        ("price", True),
        ("price", "nan"),
        ("price", "1e999"),
        ("price", "1_000"),
        ("express", 1),
        ("express", 0),
        ("express", "yes"),
        ("express", None),
        ("item", 7),
        ("item", ["x"]),
        ("item", None),
        ("item", True),
        ("tags", "a"),
        ("tags", '{"a": 1}'),
        ("tags", {"a": 1}),
        ("tags", ["a", 3]),
        ("tags", '["a", 3]'),
        ("tags", 3),
        ("extra", "[1]"),
        ("extra", [1]),
        ("extra", "{'a': 1}"),
        ("extra", '{"a": NaN}'),
    ],
)
def test_unsafe_coercions_are_refused_naming_field_and_types(field, given_value):
    with pytest.raises(BadArguments, match=rf"^order: {field}(\[\d\])?: expected .*, got "):
        validate(ORDER, {**GOOD, field: given_value})


def test_every_wrong_field_gets_its_message():
    with pytest.raises(BadArguments) as caught:
        validate(ORDER, {"itm": "tea", "price": "abc"})
    text = str(caught.value)
    assert "item: missing, expected a string" in text
    assert "count: missing, expected an integer" in text
    assert "itm: unexpected" in text and "did you mean item" in text
    assert "price: expected a number, got string 'abc'" in text


def test_message_stays_one_short_line_for_any_input():
    with pytest.raises(BadArguments) as caught:
        validate(
            ORDER,
            {f"a\nb{i}" * 10_000: "x" * 10_000 for i in range(50)} | {"item": "\n" * 10_000, "count": "y" * 9999},
        )
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 4000 and "more" in str(caught.value)


def test_enum_error_names_its_choices_and_true_is_not_1():
    assert conform({"enum": ["red", "green"]}, "blue")[1] == [
        "the value: expected one of 'red', 'green', got string 'blue'"
    ]
    assert conform({"enum": [1, 2]}, True)[1]
    assert conform({"enum": [True]}, 1)[1]
    assert conform({"type": "integer", "enum": [1, 2]}, "2") == (2, [])


def test_nested_fields_are_named_by_their_path():
    schema = {
        "type": "object",
        "properties": {"rows": {"type": "array", "items": {"$ref": "#/$defs/row"}}},
        "$defs": {"row": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}},
    }
    assert conform(schema, {"rows": [{"n": "1"}, {"n": 2}]}) == ({"rows": [{"n": 1}, {"n": 2}]}, [])
    faults = conform(schema, {"rows": [{"n": 1}, {"n": "x", "m": 1}]})[1]
    assert [f.partition(":")[0] for f in faults] == ["rows[1].n", "rows[1].m"]


def test_a_union_takes_what_fits_as_it_is_before_it_coerces():
    union = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert conform(union, "3") == ("3", [])
    assert conform({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "3") == (3, [])
    assert conform(union, [1])[1] == ["the value: expected an integer or a string, got array [1]"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 1}, 0),
        ({"type": "number", "exclusiveMaximum": 1}, 1),
        ({"type": "string", "minLength": 1}, ""),
        ({"type": "array", "maxItems": 1}, [1, 2]),
        ({"type": "string", "format": "date"}, "yesterday"),
        ({"type": "string", "format": "uuid"}, "x"),
        ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, [1, 2]),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 2),
        ({"const": 3}, 4),
    ],
)
def test_bounds_and_formats_hold(schema, value):
    assert len(conform(schema, value)[1]) == 1


def test_a_schema_that_refers_to_itself_ends():
    assert "too deep" in conform({"$ref": "#"}, 1)[1][0]


def test_arguments_are_not_changed():
    arguments = {**GOOD, "count": "3", "tags": ["a"]}
    before = json.dumps(arguments)
    assert validate(ORDER, arguments)["count"] == 3
    assert json.dumps(arguments) == before


def test_an_unknown_tool_is_told_the_nearest_names():
    error = unknown_tool("serch", ["search", "python", "names"])
    assert isinstance(error, UnknownTool) and "did you mean search" in str(error)
    assert "python" in str(unknown_tool("zzz", ["python"]))
    assert len(str(unknown_tool("x" * 10_000, ["python"]))) < 300


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from("abc"), v, max_size=3)
)
TYPES = st.sampled_from(["integer", "number", "string", "boolean", "null", "array", "object"])
SCHEMAS = st.recursive(
    TYPES.map(lambda t: {"type": t})
    | st.lists(SCALARS, min_size=1, max_size=3).map(lambda v: {"enum": v})
    | st.just({}),
    lambda s: (
        st.builds(lambda i: {"type": "array", "items": i}, s)
        | st.builds(lambda a, b: {"anyOf": [a, b]}, s, s)
        | st.builds(
            lambda p, r: {"type": "object", "properties": p, "required": r, "additionalProperties": False},
            st.dictionaries(st.sampled_from("abc"), s, max_size=2),
            st.lists(st.sampled_from("ab"), unique=True, max_size=1),
        )
    ),
    max_leaves=6,
)


@given(SCHEMAS, VALUES)
def test_validation_agrees_with_jsonschema_and_results_conform(schema, value):
    made, faults = conform(schema, value)
    reference = jsonschema.Draft202012Validator(schema)
    if reference.is_valid(value):
        assert not faults and made == value
    elif not faults:
        assert reference.is_valid(made)
