"""What every verb of a process returns."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Generic, TypeVar

P = TypeVar("P")


class Pending(Generic[P]):
    """Awaitable returned by every verb, which has been done; it gives the process, once that has settled."""

    def __init__(self, process: Awaitable[P]) -> None:
        self.process = process

    def __await__(self) -> Generator[Any, Any, P]:
        return self.process.__await__()
