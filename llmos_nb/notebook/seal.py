"""Hashes that say whether an exported notebook is still what was exported, and where it is not.

Each cell carries the hash of its source and outputs, the notebook's metadata an index of all of them in order, and
over everything there is one seal. It shows accidents and edits, not a forger who makes all hashes anew: who wants to
exclude that compares `journal.hash` with the journal.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmos_nb.chain import canonical
from llmos_nb.notebook.cells import text_of

KEY = "llmos_nb"
# What Jupyter itself writes into a notebook that is opened and saved.
_EDITORS = ("language_info", "widgets", "toc", "toc-autonumbering", "vscode", "varInspector")


def hash_of(value: object) -> str:
    """Hash plain data."""
    return sha256(canonical(value).encode()).hexdigest()


def source_hash(cell: Any) -> str:
    """Hash what a cell says."""
    return hash_of([cell["cell_type"], text_of(cell["source"])])


def output_hash(cell: Any) -> str:
    """Hash what a cell shows; empty for a cell that shows nothing."""
    outputs = cell.get("outputs") or []
    return hash_of([_plain_output(o) for o in outputs]) if outputs else ""


def _plain_output(output: Any) -> Any:
    plain = {k: v for k, v in output.items() if k not in ("execution_count", "metadata")}
    if "text" in plain:
        plain["text"] = text_of(plain["text"])
    if "data" in plain:
        plain["data"] = {k: text_of(v) if isinstance(v, list | str) else v for k, v in plain["data"].items()}
    return plain


def _own(cell: Any) -> dict[str, Any]:
    return {k: v for k, v in cell["metadata"].get(KEY, {}).items() if k not in ("source", "outputs")}


def entry(cell: Any) -> dict[str, Any]:
    """Give a cell's line in the index."""
    rest = {k: v for k, v in cell["metadata"].items() if k != KEY}
    attached = cell.get("attachments") or {}
    return {
        "id": cell["id"],
        "source": source_hash(cell),
        "outputs": output_hash(cell),
        "metadata": hash_of([_own(cell), rest, attached]),
    }


def seal(book: Any) -> None:
    """Write all hashes into a notebook, and sign it as made here."""
    for cell in book["cells"]:
        mine = cell["metadata"].setdefault(KEY, {})
        mine["source"], mine["outputs"] = source_hash(cell), output_hash(cell)
    about = book["metadata"][KEY]
    about["cells"] = [entry(cell) for cell in book["cells"]]
    about["around"] = hash_of(around(book))
    about["parts"] = {k: hash_of(v) for k, v in about.items() if k not in ("parts", "seal", "signature")}
    about["seal"] = hash_of(unsealed(about))
    about["signature"] = signature(about["seal"])


def unsealed(about: Any) -> Any:
    """Give what the seal is over."""
    return {k: v for k, v in about.items() if k not in ("seal", "signature")}


def around(book: Any) -> Any:
    """Give what stands around the cells, without what editors write there."""
    kept = {k: v for k, v in book["metadata"].items() if k != KEY and k not in _EDITORS}
    return [kept, book["nbformat"], book["nbformat_minor"]]


def signature(text: str) -> str:
    """Sign a seal with the key of this user on this machine; empty where there can be no key."""
    key = _key()
    return hmac.new(key, text.encode(), sha256).hexdigest() if key else ""


def made_here(about: Any) -> bool:
    """Tell whether a notebook was exported by this user on this machine, so that its code is no stranger's."""
    mine = signature(str(about.get("seal", "")))
    return bool(mine) and hmac.compare_digest(mine, str(about.get("signature", "")))


def _key() -> bytes:
    from jupyter_core.paths import jupyter_data_dir  # comes with nbformat

    path = Path(jupyter_data_dir(), "llmos_nb", "export.key")
    with suppress(OSError):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(secrets.token_bytes(32))
        return path.read_bytes()
    return b""
