"""From Python 3.14 on annotations are read when somebody asks: one that names what is not there spoils no other."""

import sys

import pytest

from llmos_nb.tools.schema.records import hints_of
from llmos_nb.tools.schema.signature import read_signature


def spelled(text):
    made = {}
    exec(text, made)
    return made


@pytest.mark.skipif(sys.version_info < (3, 14), reason="before, such a function cannot be made")
def test_function_with_an_unknown_name_among_its_annotations_is_described_all_the_same():
    made = spelled("def f(x: int, y: Later) -> Later: 'Do.'")
    schema = read_signature(made["f"]).schema
    assert schema["properties"] == {"x": {"type": "integer"}, "y": {}} and schema["required"] == ["x", "y"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="before, such a class cannot be made")
def test_fields_of_a_class_with_an_unknown_name_among_its_annotations_are_known():
    assert hints_of(spelled("class A:\n    a: int\n    b: Later")["A"])["a"] is int


def test_annotations_that_are_texts_are_known_one_by_one():
    assert hints_of(spelled("def f(x: 'int', y: 'Later'): pass")["f"])["x"] is int
