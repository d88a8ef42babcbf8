"""What the `%agent` commands do; `app.verbs` names their handlers."""

from llmos_nb.app.commands.base import carry_out

__all__ = ["carry_out"]
