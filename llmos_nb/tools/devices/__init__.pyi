from .calculator import calculator_tool as calculator_tool
from .context import Site as Site
from .processes import START as START, WAIT as WAIT, ask_tool as ask_tool, is_ours as is_ours
from .registry import (
    OFFERED as OFFERED,
    RESERVED as RESERVED,
    SKILL as SKILL,
    device_names as device_names,
    is_offered as is_offered,
    tools_of as tools_of,
)
