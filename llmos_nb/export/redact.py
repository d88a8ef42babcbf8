"""Secrets stay out of exported files: a known value stops the export, and the kept journal has handles instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.export.literals import Held
from llmos_nb.export.source import ExportSource
from llmos_nb.policy.secrets import Vault

_HANDLE = re.compile(r"""(["'])<secret ([\w.-]+)>\1""")


def secrets(runs: Iterable[ExportSource]) -> Vault:
    """Return a scanner for what must not be in the file: what the runs name, and the environment's secrets."""
    vault = Vault()
    vault.learn()
    named = (s for run in runs for s in run.secrets)
    vault.take({f"named-{n}": s for n, s in enumerate(dict.fromkeys(named), 1)})
    return vault


def refuse_secrets(texts: Iterable[tuple[str, str]], vault: Vault) -> None:
    """Stop an export that would write a secret; the cell is named, the secret itself is not said."""
    for where, text in texts:
        what = "it holds a secret, or what looks like one; read it from the environment there"
        _refuse(f"{where}: {what}", text, vault)


def refuse_shown(book: Mapping[str, Any], vault: Vault) -> None:
    """Stop an export whose outputs, as they were observed, would show a secret; the rest of its words are scanned."""
    for n, cell in enumerate(book["cells"], 1):
        where = f"cell {cell['metadata'].get('llmos_nb', {}).get('call') or n}"
        shown = json.dumps(cell.get("outputs", []), ensure_ascii=False)
        what = "its output shows a secret, or what looks like one; have it print something else"
        _refuse(f"{where}: {what}", shown, vault)


def refuse_held(held: Iterable[Held], vault: Vault) -> None:
    """Stop an export that would write a secret into a file beside the notebook."""
    for value in held:
        what = f"its value holds a secret, or what looks like one, and would be written to {value.file}"
        how = "leave it out, or load it in a cell of your own"
        _refuse(f"`{value.name}`: {what}; {how}", value.data.decode("utf-8", "replace"), vault)


def _refuse(why: str, text: str, vault: Vault) -> None:
    if vault.redact(text) != text:
        raise UsageError(f"{why}, then export")


def from_environment(source: str) -> str:
    """Read from the environment what stands in code as the handle of a secret."""
    if not _HANDLE.search(source):
        return source
    return "import os\n\n" + _HANDLE.sub(lambda m: f'os.environ["{m[2]}"]', source)


def without_pictures(value: Any) -> Any:
    """Copy plain data with the bytes of pictures left out."""
    if isinstance(value, dict):
        bare = {k: without_pictures(v) for k, v in value.items()}
        if isinstance(data := value.get("data"), str):
            bare["data"] = f"{len(data) // 2} bytes"
        return bare
    return [without_pictures(v) for v in value] if isinstance(value, list | tuple) else value
