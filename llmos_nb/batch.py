"""Many processes from plain specs, over any `concurrent.futures.Executor`.

Specs and results are plain JSON, so that they can cross machines; a run whose worker was lost is taken up again
elsewhere from its journal.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.session import Session

KEYS = ("id", "goal", "model", "approve", "budget", "tools", "inputs", "home", "plan", "check")
TRIES = 3


def run_one(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Run one spec to its end in this worker; a journal that is already there is taken up again."""
    return asyncio.run(_run_one(dict(spec)))


async def _run_one(spec: dict[str, Any]) -> dict[str, Any]:
    tools = [_function(t) for t in spec.get("tools", ())]
    session = Session(dict(spec.get("inputs") or {}), _home(spec))
    process = None
    for folder in sorted(session.home.runs.glob(f"*-{_slug(spec['id'])}")):
        process = session.load(folder, tools=tools, model=spec.get("model"))
        if process.state != "ended":
            await process.resume()
        break
    if process is None:
        options = {k: spec[k] for k in ("model", "approve", "budget", "plan", "check") if spec.get(k)}
        process = session.start(spec["goal"], name=_slug(spec["id"]), tools=tools, **options)
        await process
    return {
        "id": spec["id"],
        "state": process.state,
        "reason": process.reason,
        "answer": process.answer,
        "detail": process.detail,
        "journal": str(process.journal.path),
        "spent": process.run.state.spent,
    }


def _home(spec: Mapping[str, Any]) -> Path:
    return Path(spec.get("home") or ".llmos") / "batch" / _slug(spec["id"])


def _slug(text: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in str(text).lower()).strip("-")[:32]


def _function(name: str) -> Any:
    """Import ``module:function``."""
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"tools {name!r}: {error}; write module:function") from error


def check_spec(spec: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Check the keys of a spec."""
    for key in spec:
        if key not in KEYS:
            raise UsageError(f"{place}: unknown key {key!r}{nearest(key, KEYS)}")
    for key in ("id", "goal"):
        if not isinstance(spec.get(key), str) or not spec[key]:
            raise UsageError(f"{place}: {key} must be a text")
    return dict(spec)


async def run_batch(
    specs: Iterable[Mapping[str, Any]], executor: Executor | None = None
) -> list[dict[str, Any]]:
    """Run many processes and give their results in the order of the specs.

    Parameters
    ----------
    specs : iterable of mapping
        ``{"id", "goal", "model", "approve", "budget", "tools": ["module:function"], "inputs": {}}``.
    executor : concurrent.futures.Executor, optional
        Threads by default; ``dask.distributed.Client(...).get_executor()`` for many machines.
    """
    checked = [check_spec(s, f"spec {i + 1}") for i, s in enumerate(specs)]
    pool = executor or ThreadPoolExecutor(max_workers=8)
    try:
        return await asyncio.gather(*(_safely(pool, spec) for spec in checked))
    finally:
        if executor is None:
            pool.shutdown(wait=False)


async def _safely(pool: Executor, spec: dict[str, Any]) -> dict[str, Any]:
    """Run a spec; a lost worker is replaced by another, which goes on from the journal."""
    for attempt in range(TRIES):
        try:
            return await asyncio.wrap_future(pool.submit(run_one, spec))
        except LlmosError as error:
            return {
                "id": spec["id"],
                "state": "ended",
                "reason": "failed",
                "detail": str(error),
                "answer": None,
            }
        except Exception as error:
            if attempt == TRIES - 1:
                return {
                    "id": spec["id"],
                    "state": "ended",
                    "reason": "failed",
                    "detail": f"the worker was lost: {error}",
                    "answer": None,
                }
    raise AssertionError("unreachable")


async def run_file(path: Path, dask: str, out: Path | None) -> int:
    """Run a file of specs with a line a result; give the exit code."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    executor = None
    if dask:
        from dask.distributed import Client  # only where it is asked for

        executor = Client(dask).get_executor()
    results = await run_batch(lines, executor)
    text = "\n".join(json.dumps(r) for r in results) + "\n"
    out.write_text(text, encoding="utf-8") if out else sys.stdout.write(text)
    return 0 if all(r["reason"] == "answered" for r in results) else 1
