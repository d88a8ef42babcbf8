"""What stands in the metadata of the whole notebook: the record of its processes, inputs, versions and tolerance."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from typing import Any

from llmos_nb.export.cells import KERNELSPEC
from llmos_nb.export.evidence import ABS, REL
from llmos_nb.export.files import environ_recorded
from llmos_nb.export.gather import Draft
from llmos_nb.export.lock import needed, platform_of, pylock, wheels_of
from llmos_nb.export.redact import secrets, without_pictures
from llmos_nb.export.source import SCHEMA, ExportSource
from llmos_nb.export.verify.seal import hash_of
from llmos_nb.journal.events import RunStarted
from llmos_nb.policy.secrets import Vault

_LANGUAGE = {
    "name": "python", "version": platform.python_version(), "file_extension": ".py", "mimetype": "text/x-python",
    "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
}  # fmt: skip


def metadata_of(draft: Draft, lock: bool | str, trace: bool) -> dict[str, Any]:
    """Return the metadata of the whole notebook."""
    vault = secrets(draft.runs)
    about: dict[str, Any] = {
        "schema": SCHEMA,
        "processes": vault.plain([_process(run) for run in draft.runs]),
        "platform": platform_of(),
        "inputs": [i.plain() for i in draft.inputs],
        "held": {h.name: h.about for h in draft.held},
        "missing": draft.missing,
        "tolerance": {"rel": REL, "abs": ABS, "image": 0.02},
        "observed": False,
        "unchecked": draft.unchecked,
    }
    if environ := environ_recorded(draft.units, draft.cells):
        about["environ"] = environ
    if lock:
        about["pylock"] = lock_text(draft.sources, lock)
    if trace:
        about["journals"] = [_journal(run, vault) for run in draft.runs]
    return {"kernelspec": KERNELSPEC, "language_info": _LANGUAGE, "llmos_nb": about}


def lock_text(sources: Sequence[str], lock: bool | str, seen: Iterable[str] = ()) -> str:
    """Return the text of `pylock.toml`; with ``"index"`` the package index is asked for files and hashes."""
    import tomli_w  # only for the lock

    return tomli_w.dumps(pylock(sources, wheels_of(needed(sources, seen), ask=lock == "index"), seen))


def _process(run: ExportSource) -> dict[str, Any]:
    s = run.state
    head = next((e.body.head for e in run.events if isinstance(e.body, RunStarted)), None)
    spent = {k: round(v, 6) for k, v in s.spent.items()}
    return {
        "pid": run.pid,
        "goal": run.goal,
        "name": run.name,
        "model": run.model,
        "settings": dict(run.settings),
        "prompt": hash_of([head or [], s.tools]),  # its head: system message, tools, goal
        "usage": {**spent, "responses": s.responses, "calls": len(s.calls)},
        "reason": s.reason,
        "answer": s.answer,
        "values": run.values,
        "journal": {"events": len(run.events), "hash": run.events[-1].hash if run.events else ""},
    }


def _journal(run: ExportSource, vault: Vault) -> dict[str, Any]:
    """Return the redacted journal; its hashes are those of the true one, so what was blanked cannot be checked here."""
    kept = ((e, vault.plain(without_pictures(e.d))) for e in run.events)
    events = [{"n": e.n, "at": e.at, "k": e.k, "d": d, "hash": e.hash} for e, d in kept]
    return {"pid": run.pid, "events": events}
