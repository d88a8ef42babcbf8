"""What the test notebooks' cell runs: a panel over a little process that waits, then holds the main thread."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

from harness import LOOP_SVG
from IPython.display import display
from states import PAUSED, RUNNING, WAITING

from llmos_nb.app.present.widget import Panel

TICK = 0.05


async def main(log: str, kernel_id: str = "") -> None:
    """Show the waiting state; Approve starts a step of ten minutes, that only Stop ends. Every verb is written to `log`."""
    verbs: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def on_verb(message: dict[str, Any]) -> None:
        with Path(log).open("a") as file:
            file.write(json.dumps(message) + "\n")
        verbs.put_nowait(message)

    panel = Panel(on_verb, {**WAITING, "kernel_id": kernel_id}, LOOP_SVG)
    display(panel)
    while True:  # no end: the page's test approves, or ends the server
        try:
            verb = await asyncio.wait_for(verbs.get(), TICK)
        except TimeoutError:
            continue
        if verb["verb"] == "approve":
            panel.show(RUNNING)
            panel.flush()
            hold_the_thread()
            return panel.show(PAUSED)


def hold_the_thread() -> None:
    """Sleep for ten minutes as a step's own code would, with the handler that lets an interrupt reach it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before)
