"""Files with the longest tests stand first, each folder in one piece."""

from types import SimpleNamespace

from longest_first import LONGEST, TESTS, pytest_collection_modifyitems


def test_what_stands_first_is_there():
    assert [name for name in LONGEST if not (TESTS / name).exists()] == []


def test_the_longest_are_first_and_all_others_as_they_stand():
    names = ["app/test_a.py", "browser/test_b.py", "browser/test_c.py", "policy/test_d.py", "test_passes.py"]
    items = [SimpleNamespace(path=TESTS / name) for name in names]
    pytest_collection_modifyitems(items)
    found = [str(item.path.relative_to(TESTS)) for item in items]
    assert found == [
        "test_passes.py",
        "browser/test_b.py",
        "browser/test_c.py",
        "app/test_a.py",
        "policy/test_d.py",
    ]
