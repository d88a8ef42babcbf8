"""What a verb gives back."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmos_nb.process import Process
    from llmos_nb.signals import Signals


class Done:
    """What a verb gives back: it has been done; await it to wait until the process has settled.

    Awaiting gives the process.
    """

    def __init__(self, process: Signals) -> None:
        self.process = process

    def __await__(self) -> Generator[Any, None, Process]:
        return self.process._until_settled().__await__()
