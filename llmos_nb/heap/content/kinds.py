"""The words for dates, paths, members of enumerations and other kinds of Python's own; as in `plain`."""

from __future__ import annotations

from typing import Any

from llmos_nb.heap.content.plain import _forms, _words


# Other kinds of Python's own: dates, paths and the like as they are spelled, objects of own classes by what they hold.
def _kind(value: Any, within: tuple[int, ...]) -> str:
    """Return a date, a member of an enumeration, an object of a class of one's own and the like in words."""
    kind = type(value)
    if isinstance(value, complex):
        return f"complex({_words(value.real)}, {_words(value.imag)})"
    if hasattr(kind, "__members__"):
        return f"{kind.__name__}.{getattr(value, 'name', value)}"
    if kind.__module__ == "re" and hasattr(value, "span"):
        return f"Match({value.span()}, {value.groups()!r}, {value[0]!r})"
    if kind.__name__ in ("deque", "dict_keys", "dict_values", "dict_items"):
        return f"{kind.__name__}({_words(list(value))})"
    spelled = ("re", "datetime", "decimal", "fractions", "pathlib", "uuid", "zoneinfo", "ipaddress")
    if kind.__module__ in spelled or kind is range or (kind.__module__, kind.__name__) == ("httpx", "URL"):
        return repr(value)  # of a URL, that hides a password
    return ""


_forms.append(_kind)
