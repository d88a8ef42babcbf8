"""Python in a child process: copies go in, plain values come back, and the system keeps it in bounds."""

from llmos_nb.tools.devices.child.child import Child
from llmos_nb.tools.devices.child.inputs import as_input
from llmos_nb.tools.devices.child.launch import Setup, isolated, protections, spawned
from llmos_nb.tools.devices.child.settings import (
    ANY,
    UNTRUSTED,
    Confinement,
    parse_confinement,
    parse_untrusted,
)
from llmos_nb.tools.devices.child.worker import Connection, Worker, silence

__all__ = [
    "ANY",
    "UNTRUSTED",
    "Child",
    "Confinement",
    "Connection",
    "Setup",
    "Worker",
    "as_input",
    "isolated",
    "parse_confinement",
    "parse_untrusted",
    "protections",
    "silence",
    "spawned",
]
