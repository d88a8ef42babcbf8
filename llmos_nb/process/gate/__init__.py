"""The gate that every call passes: judge, label, record, start."""

from llmos_nb.process.gate import authority, compensate, judge, labels, plan, quarantine, servers, start
from llmos_nb.process.gate.quarantine import READ, read_tool

__all__ = [
    "READ",
    "authority",
    "compensate",
    "judge",
    "labels",
    "plan",
    "quarantine",
    "read_tool",
    "servers",
    "start",
]
