from . import (
    abreast as abreast,
    adoption as adoption,
    api as api,
    config as config,
    exporting as exporting,
    named_tools as named_tools,
    outcome as outcome,
    prune as prune,
    table as table,
    toolbox as toolbox,
    trust as trust,
)
from .api import load as load, replay as replay, run as run, start as start, verify as verify
from .parts import PARTS as PARTS
from .process import Process as Process
from .session import Session as Session
from .surface import Flag as Flag, Form as Form, Setting as Setting, Verb as Verb
from .threads import runtime as runtime
