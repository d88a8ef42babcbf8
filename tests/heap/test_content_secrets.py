"""The words of a value spell no secret, also of a table in another value, and are compared all the same."""

import pandas as pd
import pytest

from llmos_nb.heap.content import content, without_cells

KEYS = pd.DataFrame({"password": ["hunter2", "swordfish"], "n": [1, 2]})
TOKENS = pd.DataFrame({"of": ["sk-abcdefghijkl0123456789"], "n": [1]})
PLAIN = pd.DataFrame({"town": ["Oslo", "Bergen"], "n": [1, 2]})


@pytest.mark.parametrize(
    "value", [KEYS, [KEYS, PLAIN], {"a": {"b": KEYS}}, TOKENS], ids=["alone", "list", "dict", "text"]
)
def test_cells_of_a_table_that_looks_like_a_secret_are_not_spelled(value):
    words = content(value)
    assert not any(secret in words for secret in ("hunter2", "swordfish", "sk-abc"))
    assert words == without_cells(words)


def test_cells_of_any_other_small_table_are_spelled_and_its_hash_is_over_them():
    words, other = content(PLAIN), content(PLAIN.assign(n=[1, 3]))
    assert "'town': ['Oslo', 'Bergen']" in words and "Oslo" not in without_cells(words)
    assert without_cells(words) != without_cells(other)
