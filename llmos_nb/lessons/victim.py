"""A process that is killed at every event, and resumed: ``python -m llmos_nb.lessons.victim FOLDER REPEAT [AT]``.

Each life is a forked child of its own, so that the kill is a real one. Needs POSIX.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from itertools import count, takewhile
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal import read
from llmos_nb.lessons.models import call
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Process, Session
from llmos_nb.tools import Tool, as_tool

TURNS: list[dict[str, Any]] = [call("price"), call("pay", euros=10), {"text": "Paid 10."}]
IN_THE_EFFECT = "effect"


def pay_tool(folder: Path, repeat: str, deadly: bool) -> Tool:
    """Make the tool; each payment is a line on disk. A deadly one is killed when it has paid."""

    def pay(euros: int) -> str:
        """Pay."""
        with (folder / "payments").open("a", encoding="utf-8") as out:
            out.write(f"{euros}\n")
        if deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return f"paid {euros}"

    return as_tool(pay, effect="external", repeat=repeat)


def price_tool() -> Tool:
    """Make a tool that only looks."""

    def price() -> str:
        """Say what is to be paid."""
        return "10 euros"

    return as_tool(price, effect="read", repeat="pure")


async def live(folder: Path, repeat: str, at: str) -> None:
    """Begin the process and die at event `at`, or while its tool runs."""
    session, tools = (
        Session(None, folder / "home"),
        [price_tool(), pay_tool(folder, repeat, at == IN_THE_EFFECT)],
    )
    process = session.create("Pay 10 euros.", model=ScriptedModel(TURNS), tools=tools, approve="auto")
    process.run.listeners.append(lambda event, _: _die(process, event.n, at))
    await process.start()


def _die(process: Process, n: int, at: str) -> None:
    if str(n) == at:
        process.journal.flush_now()
        os.kill(os.getpid(), signal.SIGKILL)


def taken_up(folder: Path, repeat: str) -> Process:
    """Return the process of a folder, from its journal."""
    session, tools = Session(None, folder / "home"), [price_tool(), pay_tool(folder, repeat, False)]
    return session.load(journal_of(folder), tools=tools, model=ScriptedModel(TURNS))


async def resume(folder: Path, repeat: str) -> None:
    """Take the process up again from its journal, and go on."""
    process = taken_up(folder, repeat)
    if process.state != "ended":
        await process.resume()


async def settle(folder: Path, repeat: str) -> None:
    """Take the process up once more, and say of what is in doubt whether it was done."""
    process = taken_up(folder, repeat)
    await process.resume()
    process.resolve("r2.0", done=payments(folder) > 0)
    await process


def journal_of(folder: Path) -> Path:
    """Return the one journal of a folder."""
    return next((folder / "home" / "runs").glob("*/journal.jsonl"))


def payments(folder: Path) -> int:
    """Count the payments that were really made."""
    log = folder / "payments"
    return len(log.read_text(encoding="utf-8").splitlines()) if log.exists() else 0


def in_child(work: Any) -> int:
    """Run a coroutine in a forked child; give its exit code, negative for a signal."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    code = 1
    try:
        asyncio.new_event_loop().run_until_complete(work)
        code = 0
    except LlmosError as error:
        print(error, file=sys.stderr)
    finally:
        os._exit(code)


def trial(folder: Path, repeat: str, at: str) -> dict[str, Any] | None:
    """Kill one process and resume it; None where it ended before it could be killed."""
    folder.mkdir()
    code = in_child(live(folder, repeat, at))
    if code == 0:
        return None
    journal, paid = journal_of(folder), payments(folder)
    broken, mended = (folder / f"{name}.jsonl" for name in ("broken", "mended"))
    broken.write_bytes(journal.read_bytes())
    resumed = in_child(resume(folder, repeat)) if code == -signal.SIGKILL else code
    mended.write_bytes(journal.read_bytes())
    found = {
        "at": at,
        "broken": str(broken),
        "mended": str(mended),
        "settled": str(journal),
        "paid_then": paid,
        "paid_in_the_end": payments(folder),
        "in_doubt": any(e.k == "call.in_doubt" for e in read(journal)),
    }
    settled = in_child(settle(folder, repeat)) if found["in_doubt"] else resumed
    return {**found, "ok": resumed == settled == 0}


def main(folder: Path, repeat: str) -> list[dict[str, Any]]:
    """Kill at every event, and once in the middle of the effect."""
    at_events = (trial(folder / str(n), repeat, str(n)) for n in count(2))
    found = takewhile(lambda one: one is not None, at_events)
    return [one for one in (*found, trial(folder / IN_THE_EFFECT, repeat, IN_THE_EFFECT)) if one is not None]


if __name__ == "__main__":
    if len(sys.argv) > 3:  # one life, which leaves its journal to somebody else
        asyncio.run(live(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
    json.dump(main(Path(sys.argv[1]), sys.argv[2]), sys.stdout)
