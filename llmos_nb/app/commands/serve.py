"""The `llmos` commands about the service of a home: to serve it, and to hand it a goal."""

from __future__ import annotations

import asyncio
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from llmos_nb.journal import Home, home_of
from llmos_nb.models import anywhere
from llmos_nb.process import briefing
from llmos_nb.session import named_tools
from llmos_nb.session.batch import import_from_working_folder
from llmos_nb.session.commands import check_home
from llmos_nb.session.service import Service, hand_over, unit

SERVED = 3
"""Exit code where somebody else serves the home."""


def serve(given: Any) -> int:
    home = home_of(given.home)
    check_home(home)
    if given.unit:
        print(unit.text(home, sys.executable), end="")
        print(unit.HOW.format(name=unit.name(home)), file=sys.stderr)
        return 0
    import_from_working_folder()
    if other := asyncio.run(_serve(home, given.http)):
        print(f"{home.root} is served by {other}: one service a home", file=sys.stderr)
        return SERVED
    return 0


async def _serve(home: Home, http: int | None) -> str:
    service, loop = Service(home, partial(print, flush=True), http), asyncio.get_running_loop()

    def end(*_: object) -> None:
        loop.call_soon_threadsafe(service.end)  # wakes the loop where it sleeps
        service.end()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    return await service.run()


def start(given: Any) -> int:
    options = {k: getattr(given, k) for k in ("name", "model", "approve", "budget", "plan", "check", "acts")}
    options["model"] = anywhere(given.model)
    options["tools"] = named_tools.listed(given.tools)
    if any(":" in t for t in options["tools"]):  # modules are found from where it is typed
        options["folder"] = str(Path.cwd())
    options = {k: v for k, v in options.items() if v}
    done = asyncio.run(hand_over(home_of(given.home), briefing.anywhere(" ".join(given.goal)), options))
    print(done.said, file=sys.stdout if done.ok else sys.stderr)
    return 0 if done.ok else 1
