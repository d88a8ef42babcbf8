"""What a model may call: declare, describe by schema, validate, run.

Here belongs the `Tool` itself and the devices. A device that another package brings is an entry point. What decides
whether a call may run is `policy` and `process.gate`. Imports: heap, models, policy, journal, messages and errors.
"""

from llmos_nb.tools import reentry
from llmos_nb.tools.call import CHANGES, NAME_CHANGES, Call, Turn
from llmos_nb.tools.declare import declared, said_of, tool
from llmos_nb.tools.invoke import invoke, value_of
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.manifest import put_on, shelved
from llmos_nb.tools.outcome import Stopped, awaited, unless_stopped
from llmos_nb.tools.reentry import refuse
from llmos_nb.tools.text import RECORDED, bounded, preview, safe_text, shown
from llmos_nb.tools.tool import CallContext, Place, Tool, current_call
from llmos_nb.tools.validate import parse_arguments, unknown_tool, validate

__all__ = [
    "CHANGES",
    "NAME_CHANGES",
    "RECORDED",
    "Call",
    "CallContext",
    "Place",
    "Stopped",
    "Tool",
    "Turn",
    "as_tool",
    "awaited",
    "bounded",
    "current_call",
    "declared",
    "invoke",
    "parse_arguments",
    "preview",
    "put_on",
    "reentry",
    "refuse",
    "safe_text",
    "said_of",
    "shelved",
    "shown",
    "tool",
    "unknown_tool",
    "unless_stopped",
    "validate",
    "value_of",
]
