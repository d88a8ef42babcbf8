"""Which code is the user's own, and which names code may look up outside itself."""

from __future__ import annotations

import site
import sys
import sysconfig
import types
from functools import cache


@cache
def _library_roots() -> tuple[str, ...]:
    paths = [*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()]
    return tuple({p for p in [*paths, sys.base_prefix + "/lib"] if len(p) > 1})


def is_owned(module: str) -> bool:
    """Tell whether a module, by its full name, is the user's own code: in the notebook or in a file of their own."""
    if module in ("__main__", "builtins", ""):
        return True
    if module.partition(".")[0] == "llmos_nb":
        return False
    found = sys.modules.get(module)
    path = getattr(found, "__file__", None)
    return found is not None and path is not None and not path.startswith(_library_roots())


@cache
def used_names(code: types.CodeType) -> frozenset[str]:
    """Give every name that code, or code inside it, may look up outside."""
    inner = [used_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return frozenset(code.co_names).union(*inner)
