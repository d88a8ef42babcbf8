"""The devices: tools that come with the package, each loaded when it is named."""

from llmos_nb.tools.devices.calculator import calculator_tool
from llmos_nb.tools.devices.context import Site
from llmos_nb.tools.devices.human import ask_tool
from llmos_nb.tools.devices.processes import START, WAIT
from llmos_nb.tools.devices.registry import OFFERED, SKILL, device_names, is_offered, tools_of

__all__ = [
    "OFFERED",
    "SKILL",
    "START",
    "WAIT",
    "Site",
    "ask_tool",
    "calculator_tool",
    "device_names",
    "is_offered",
    "tools_of",
]
