"""`%config LLMOS`: a traitlets `Configurable` made from the table of settings."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, Float, Int, Unicode
from traitlets.config import Configurable

from llmos_nb.errors import CallDenied
from llmos_nb.session import Setting, config


def _trait(s: Setting) -> Any:
    """Return the trait of a setting; but for switches, its default means that nothing was set."""
    if isinstance(s.default, bool):
        return Bool(s.default, help=s.help).tag(config=True)
    kind, unset = {float: (Float, 0.0), int: (Int, 0)}.get(type(s.default), (Unicode, ""))
    return kind(unset, help=s.help).tag(config=True)


def _held(self: Any, name: str, value: Any) -> None:
    """Set a trait, unless the code of a step does."""
    if name in config.SETTINGS:
        from llmos_nb.tools import reentry  # not needed to load the extension

        if reentry.inside():
            raise CallDenied(reentry.DENIED)
    Configurable.__setattr__(self, name, value)


LLMOS: Any = type(
    "LLMOS",
    (Configurable,),
    {
        "__doc__": "Settings by ``%config LLMOS.name = value``; the call goes before, environment and file behind.",
        "__module__": __name__,
        "__setattr__": _held,
        **{s.name: _trait(s) for s in config.SETTINGS.values() if s.config},
    },
)
