"""Children of a benchmark that live a process and are killed, once or twice, before one comes to its end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import waits

from llmos_nb.journal import read

LIVES, LONGEST_S, LOOK_S = 8, 120.0, 0.0005
Sabotage = Callable[[], object] | None
Trial = Callable[[Path, random.Random, int], tuple[str, int, list[str]]]


@dataclass(frozen=True)
class Death:
    """When a child is killed; never, where nothing is said.

    Parameters
    ----------
    event : int, optional
        It kills itself when this event is on disk.
    when : callable, optional
        It is killed once this returns true.
    after_s : float, optional
        It is killed so many seconds after it began, or after `when` was true.
    """

    event: int | None = None
    when: Callable[[], bool] | None = None
    after_s: float | None = None


def journals(folder: Path) -> list[Path]:
    """Return the journals that can be gone on with: of a process that was killed as it began, nothing was done."""
    found = sorted((folder / "home" / "runs").glob("*/journal.jsonl")) if (folder / "home").exists() else []
    return [j for j in found if j.stat().st_size and len(read(j)) >= 2]


def die(process: Any) -> None:
    """End the interpreter by a kill, with all that was appended on disk."""
    process.journal.flush_now()
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(process: Any, n: int | None) -> None:
    """Have the interpreter killed at an event."""
    process.run.listeners.append(lambda event, state: die(process) if event.n == n else None)


def child(folder: Path, life: Callable[[], Awaitable[None]], sabotage: Sabotage = None) -> int:
    """Fork a child that lives in a folder, at the head of a group of its own; return its pid."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        if sabotage is not None:
            sabotage()
        asyncio.new_event_loop().run_until_complete(life())
        code = 0
    except BaseException as error:
        (folder / "child-error").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)


def end(pid: int, death: Death) -> int:
    """Wait for a child, and kill it when its time has come; return how it ended."""
    began, due = time.monotonic(), death.when is None
    limit = began + (death.after_s if due and death.after_s is not None else LONGEST_S)
    while time.monotonic() < limit:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if not due and death.when is not None and death.when():
            due, limit = True, time.monotonic() + (death.after_s or 0.0)
        else:
            time.sleep(LOOK_S)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def ended(group: int) -> None:
    """Wait until the programs that a killed child had started have ended, too."""

    def gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    waits.until(gone, f"the end of the programs of group {group}", rest=lambda: time.sleep(LOOK_S))


def lived(
    folder: Path,
    lives: Callable[[int | None], Callable[[], Awaitable[None]]],
    deaths: Iterable[Death],
    settled: Callable[[], object] = lambda: None,
    sabotage: Sabotage = None,
) -> tuple[int, str]:
    """Have children live in a folder, one after the other, until one comes to its end.

    Parameters
    ----------
    folder : Path
        Where the process stands.
    lives : callable
        ``lives(n)`` returns what a child does; it dies at event `n`.
    deaths : iterable of Death
        Of the first child, the second, …; those after them are not killed.
    settled : callable, optional
        Returns when all that a dead child had sent has come in.
    sabotage : callable, optional
        Breaks a rule in every child.

    Returns
    -------
    tuple of (int, str)
        The number of kills, and what went wrong on the way; an empty text where nothing did.
    """
    kills, told = 0, list[dict[str, object]]()
    for death in islice(chain(deaths, repeat(Death())), LIVES):
        began = time.time()
        pid = child(folder, lives(death.event), sabotage)
        code = end(pid, death)
        gone = time.time()
        ended(pid)
        settled()
        kills += code == -signal.SIGKILL
        told.append({"began": began, "gone": gone, "settled": time.time(), "code": code, "event": death.event})
        (folder / "lives.json").write_text(json.dumps(told, indent=1))
        if code == 0:
            return kills, ""
        if code == 1:
            return kills, (folder / "child-error").read_text()
    return kills, "it did not come to its end"


def until(kills: int, seed: int, trial: Trial, keep: Path | None = None) -> dict[str, Any]:
    """Try until there were so many kills.

    Parameters
    ----------
    trial : callable
        ``trial(folder, rng, number)`` returns where it killed, how often, and what went wrong.
    keep : Path, optional
        Where the folders of trials that went wrong are kept.

    Returns
    -------
    dict
        ``seed``, ``kills``, ``trials``, ``places`` (kills by place) and ``wrong``, a line each.
    """
    rng, done, trials, wrong, places = random.Random(seed), 0, 0, list[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as base:
        while done < kills:
            folder = Path(base) / str(trials)
            folder.mkdir()
            place, found, bad = trial(folder, rng, trials)
            done, trials = done + found, trials + 1
            places[place] += found
            wrong += [f"trial {trials - 1} ({place}): {b}" for b in bad]
            if bad and keep is not None:
                shutil.copytree(folder, keep / f"{seed}-{folder.name}", dirs_exist_ok=True)
            shutil.rmtree(folder)
    return {"seed": seed, "kills": done, "trials": trials, "places": dict(places), "wrong": wrong}


def report(found: dict[str, Any], out: Path) -> int:
    """Print what was found and write it to a file; return the code to exit with."""
    print(
        f"seed {found['seed']}: {found['kills']} kills in {found['trials']} processes, {found['places']}, "
        f"{len(found['wrong'])} wrong"
    )
    print("\n".join(found["wrong"][:20]))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=1))
    return 1 if found["wrong"] else 0
