"""What a process keeps is described where it is declared."""

import inspect
import re
from dataclasses import fields

import pytest

from llmos_nb.process import Run, State


def described(doc):
    """Return the names that the entries of a numpy docstring list, before the colon."""
    entries = re.findall(r"^(\w[\w, ]*) : ", inspect.cleandoc(doc), re.M)
    return {name for entry in entries for name in entry.split(", ")}


@pytest.mark.parametrize("cls", [State, Run])
def test_each_field_is_described_in_the_class(cls):
    assert [f.name for f in fields(cls) if not f.name.startswith("_") and f.name not in described(cls.__doc__)] == []
