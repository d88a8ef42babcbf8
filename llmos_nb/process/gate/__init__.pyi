from . import (
    authority as authority,
    compensate as compensate,
    conflicts as conflicts,
    labels as labels,
    quarantine as quarantine,
    servers as servers,
)
from .quarantine import READ as READ, read_tool as read_tool
