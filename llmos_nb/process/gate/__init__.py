"""The gate that every call passes: judge, label, record, start."""

from llmos_nb.process.gate import authority, compensate, labels, quarantine, servers
from llmos_nb.process.gate.quarantine import READ, read_tool

__all__ = ["READ", "authority", "compensate", "labels", "quarantine", "read_tool", "servers"]
