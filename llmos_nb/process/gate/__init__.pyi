from . import (
    acts as acts,
    commitments as commitments,
    compensate as compensate,
    conflicts as conflicts,
    labels as labels,
    quarantine as quarantine,
    servers as servers,
)
from .quarantine import READ as READ, read_tool as read_tool
