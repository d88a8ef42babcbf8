"""The tree of errors, as it is drawn at the top of its file."""

import inspect
import re

from llmos_nb import errors


def drawn():
    """Each error of the drawing with the one above it."""
    above, found = {}, {}
    for line in re.findall(r"^    ([│├└─ ]*[A-Z]\w+)", errors.__doc__, re.M):
        name = line.lstrip("│├└─ ")
        depth = (len(line) - len(name)) // 4
        above[depth] = name
        found[name] = above.get(depth - 1)
    return found


def test_the_drawing_has_every_error_below_the_one_it_is_a_kind_of():
    kinds = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
    assert drawn() == {c.__name__: None if c is errors.LlmosError else c.__bases__[0].__name__ for c in kinds}
