"""Making a skill of an exported run, and testing one in a process of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from llmos_nb.errors import UsageError
from llmos_nb.export.verify import execute
from llmos_nb.session.skills import manifest as skill_book
from llmos_nb.session.skills.manifest import FILE, Skill

T = TypeVar("T")


def made(folder: Path, book: dict[str, Any], name: str, values: Mapping[str, Any], description: str) -> Path:
    """Return an exported notebook the manifest of a skill, with the parameters' cell as its defaults."""
    cell = next((c for c in book["cells"] if "parameters" in skill_book.roles(c)), None)
    if cell is not None:
        cell["source"] = "\n".join(["# Parameters", *(f"{n} = {v!r}" for n, v in values.items())])
    manifest: dict[str, Any] = {
        "name": name,
        "version": "1.0",
        "description": description[:500],
        "parameters": {n: {"type": type(v).__name__, "default": v} for n, v in values.items()},
    }
    book["metadata"].setdefault("llmos_nb", {})["skill"] = manifest
    draft = Skill(folder, book, {**manifest, "rights": []})
    kinds = [w.partition("`")[2].partition("`")[0] for w in skill_book.undeclared(draft)]
    manifest["rights"] = list(dict.fromkeys(kinds))
    if not any(skill_book.roles(c) & {*skill_book.TEST} for c in book["cells"]):
        book["cells"].append(_runs())
    manifest["sha256"] = skill_book.notebook_hash(book)
    (folder / FILE).write_text(json.dumps(book), encoding="utf-8")
    return folder / FILE


def _runs() -> dict[str, Any]:
    """Return the least test: that all cells before it ran."""
    about = {"tags": ["test"]}
    source = "# All cells above ran; add asserts on what they must give."
    return {
        "cell_type": "code", "id": "test", "metadata": about, "source": source, "outputs": [], "execution_count": None,
    }  # fmt: skip


def test(skill: Skill, timeout_s: float) -> None:
    """Run a skill with its defaults and its test, in a process of its own; the network is off unless it asks for it."""
    inputs = [{"path": f.relative_to(skill.folder).as_posix()} for f in skill_book.files_of(skill.folder)]
    beside = [i for i in inputs if not i["path"].endswith(".ipynb")]
    offline = "network" not in skill.rights
    try:
        ran = execute.execute(skill.book, beside, skill.folder, offline=offline, timeout_s=timeout_s)
    except TimeoutError:
        raise UsageError(
            f"skill {skill.name}: its test did not end in {timeout_s:g} s a cell; not added"
        ) from None
    if ran.failed is not None:
        n, kind, said, _ = ran.failed
        last = (said.strip().splitlines() or [""])[-1]
        raise UsageError(f"skill {skill.name}: its test fails in cell {n + 1} ({kind}: {last}); not added")


async def aside(work: Callable[..., T], *given: Any) -> T:
    """Do what runs a notebook on a thread beside the main one, and close the event loop that it left there."""
    return await asyncio.to_thread(_closing, work, *given)


def _closing(work: Callable[..., T], *given: Any) -> T:
    from jupyter_core.utils import ensure_event_loop  # comes with nbclient, which makes the loop

    try:
        return work(*given)
    finally:
        ensure_event_loop().close()
