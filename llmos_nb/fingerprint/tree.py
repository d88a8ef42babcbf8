"""Plain trees: the values that can be hashed in one piece."""

from __future__ import annotations

from itertools import chain
from typing import Any

ATOMS = frozenset((type(None), bool, int, float, complex, str, bytes, type(...)))
_BOXES = frozenset((list, tuple, dict))
_TREE = ATOMS | _BOXES
_TREE_DEPTH, _TREE_BOXES = 500, 2_000_000  # marshal takes up to 1,000 levels on some platforms


def is_tree(value: object) -> bool:
    """Tell whether a value is made of lists, tuples and dicts of plain atoms, none of which stands at two places."""
    level: list[Any] = [value]
    boxes: dict[int, Any] = {}
    count = 0
    for _ in range(_TREE_DEPTH):
        kinds = set(map(type, level))
        if not kinds <= _TREE:
            return False
        level = [o for o in level if type(o) in _BOXES] if kinds & ATOMS else level
        if not level:
            return count > 0
        count += len(level)
        known, own = len(boxes), [o for o in level if type(o) is not tuple]
        boxes.update(zip(map(id, own), own, strict=True))
        if len(boxes) != known + len(own) or count > _TREE_BOXES:
            return False
        level = list(chain.from_iterable(chain(*o.items()) if type(o) is dict else o for o in level))
    return False
