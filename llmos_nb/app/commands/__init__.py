"""What the `%agent` commands do; importing this registers their handlers."""

from llmos_nb.app.commands import process, show, store
from llmos_nb.app.commands.base import carry_out

__all__ = ["carry_out", "process", "show", "store"]
