"""The tools of `bench_batch.py`: each writes its effect to a log of its own, and one of them dies at the worst instant."""

import json
import os
import signal
import time
from pathlib import Path

import llmos_nb as llmos

LOG, DIE_AT, SABOTAGE = "BENCH_BATCH_LOG", "BENCH_BATCH_DIE_AT", "BENCH_BATCH_SABOTAGE"
PAUSE_S = 0.01


def tell(n: int) -> int:
    """Give a number back."""
    return n


@llmos.tool(effect="read", repeat="pure")
def look(n: int) -> int:
    """Give a number back; looking twice does no harm."""
    return n


@llmos.tool(effect="read", repeat="pure")
def crash(n: int) -> int:
    """Take the worker down with it."""
    os._exit(n)


def effects(log: Path) -> list[dict]:
    """Read the log; a torn last line is an effect that did not complete."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def _effect(run: str, n: int, key: str) -> str:
    log = Path(os.environ[LOG])
    time.sleep(PAUSE_S)
    with log.open("a") as out:
        out.write(json.dumps({"run": run, "n": n, "key": key, "pid": os.getpid()}) + "\n")
        out.flush()
        os.fsync(out.fileno())
    _die(log, f"{run}:{n}")
    return f"paid {n}"


def _die(log: Path, what: str) -> None:
    """Die once, after the effect and before anybody could record it."""
    mark = log.with_name(what.replace(":", "-") + ".died")
    if what in os.environ.get(DIE_AT, "").split(",") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


@llmos.tool(effect="external", repeat="once")
def pay(run: str, n: int, idempotency_key: str = "") -> str:
    """Pay; nobody can look up whether it was done."""
    return _effect(run, n, idempotency_key)


def _was_paid(key: str) -> bool:
    return any(e["key"] == key for e in effects(Path(os.environ[LOG])))


@llmos.tool(effect="external", repeat="once", reconcile=_was_paid)
def pay_by_bank(run: str, n: int, idempotency_key: str = "") -> str:
    """Pay; the bank knows by the key whether it was done."""
    return _effect(run, n, idempotency_key)


def _skip_intents() -> None:
    """Break the law on purpose: an intent is not on disk when its effect happens."""
    from llmos_nb.journal import Journal

    honest = Journal._write_held

    def write(self: Journal) -> None:
        if self.events[-1].k != "call.started":
            honest(self)

    Journal._write_held = write


if os.environ.get(SABOTAGE):
    _skip_intents()
