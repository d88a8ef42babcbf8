from . import contents as contents, reads as reads, reentry as reentry
from .acting import libraries_name as libraries_name
from .caching import places as places
from .call import (
    CHANGES as CHANGES,
    CLOSED as CLOSED,
    HANDLE as HANDLE,
    NAME_CHANGES as NAME_CHANGES,
    PASSED as PASSED,
    Call as Call,
    Turn as Turn,
)
from .commands import WORKER as WORKER
from .declare import declared as declared, said_of as said_of, tool as tool
from .invoke import (
    bound_to_thread as bound_to_thread,
    called as called,
    invoke as invoke,
    value_of as value_of,
)
from .keys import kept as kept
from .make import as_tool as as_tool, put_on as put_on
from .outcome import (
    Outcome as Outcome,
    Stopped as Stopped,
    at_once as at_once,
    awaited as awaited,
    captured as captured,
    unguarded as unguarded,
    unless_stopped as unless_stopped,
)
from .protocol import CallContext as CallContext, Place as Place, Tool as Tool, current_call as current_call
from .reads import Reads as Reads
from .text import (
    RECORDED as RECORDED,
    SHOWN as SHOWN,
    bounded as bounded,
    preview as preview,
    safe_text as safe_text,
    shown as shown,
)
from .trampolines import calling as calling, functions_of as functions_of, intercepted as intercepted
from .validate import parse_arguments as parse_arguments, unknown_tool as unknown_tool, validate as validate
