"""Code that asks a running kernel for values by means of a module of this package that it does not have."""

from __future__ import annotations

from collections.abc import Sequence


def probe_source(module: str, expression: str, names: Sequence[str]) -> str:
    """Give one statement that prints JSON and leaves no name behind.

    Parameters
    ----------
    module : str
        Source of a module that needs only the standard library.
    expression : str
        Over what the module defines, `space` (the kernel's names) and `names`.
    names : sequence of str
        What it is about.
    """
    inner = f"{module}\n\n\ndef _llmos_told(space, names):\n    return {expression}\n"
    made = f'(lambda s: (exec({inner!r}, s), s["_llmos_told"](globals(), {list(names)!r}))[1])({{"__name__": "told"}})'
    return f'print(__import__("json").dumps({made}))'
