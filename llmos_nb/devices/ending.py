"""The process behind a child, as far as a child needs to know it, and how it ended."""

from __future__ import annotations

import time
from typing import Protocol


class Running(Protocol):
    """What a child needs of its process; `subprocess.Popen` has it."""

    def poll(self) -> int | None:
        """Give the exit code once it has ended."""
        ...

    def send_signal(self, sig: int) -> None:
        """Signal it."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


def how_ended(process: Running | None, within_s: float) -> str:
    """Wait a moment for the end of a process, and say how it ended; nothing where it has not."""
    until = time.monotonic() + within_s
    while process is not None and time.monotonic() < until:
        code = process.poll()
        if code is not None:
            return f" (signal {-code})" if code < 0 else f" (exit code {code})"
        time.sleep(0.005)  # the pipe is closed a moment before the system knows
    return ""
