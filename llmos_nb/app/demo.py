"""`llmos demo`, `llmos lab` and `llmos run`: the notebooks in a real kernel."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.export.verify import execute as runner
from llmos_nb.models.local import LocalModel, fetch, weights

if TYPE_CHECKING:
    from nbclient import NotebookClient

START = "00-start.ipynb"
TIMEOUT_S = 900


def notebooks() -> Path:
    """Return the folder of the notebooks: beside the package in a clone, inside it when installed."""
    package = Path(__file__).parents[1]
    return next(p for p in (package.parent / "notebooks", package / "_notebooks") if p.is_dir())


def demo(folder: Path, model: str) -> int:
    """Execute the first notebook with the local model and say where everything was left."""
    if not model:
        name = weights.choose()
        file = fetch.pull_with_bar(name)
        os.environ["LLMOS_LOCAL_MODEL"] = name
        print(f"local model: {name}, {file}, sha256 {weights.lookup(name).sha256}", flush=True)
        print("reading its instructions, once: half a minute or so, then it starts in seconds …", flush=True)
        asyncio.run(LocalModel(name).warm_up())
    os.environ["LLMOS_MODEL"] = model or "local"
    if not os.environ.get("LLMOS_APPROVE"):
        os.environ["LLMOS_APPROVE"] = "auto"
        print(f"nobody is asked here: approvals are given (-a auto), and files are written into {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    copied = folder / START
    shutil.copyfile(notebooks() / START, copied)
    code = execute(copied, folder / "00-start-executed.ipynb")
    _tell(folder)
    return code


def _tell(folder: Path) -> None:
    """List what was left: executed notebook, exported notebooks, journals with the model's raw replies."""
    print("\nleft here:")
    for path in sorted([*folder.glob("*.ipynb"), *folder.glob(".llmos/runs/*/journal.jsonl")]):
        print(f"  {path}")
    print("each journal holds the model's raw replies: llmos log FILE --json")


def execute(notebook: Path, out: Path) -> int:
    """Execute a notebook headless, printing what its cells print as it happens.

    Returns
    -------
    int
        0, or 1 where a cell raised; then the notebook is written up to there.
    """
    if not notebook.exists():
        raise UsageError(f"{notebook}: no such notebook")
    try:
        with runner.grammar_later():
            import nbformat  # slow to import
            from nbclient.exceptions import CellExecutionError  # the extra `local`
    except ImportError as error:
        raise LlmosError(f'{error.name} is missing: pip install "llmos_nb[local]"') from error
    book = nbformat.read(notebook, as_version=4)
    client = _client(book, notebook)
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{error.ename}: {error.evalue}", file=sys.stderr, flush=True)
        return 1
    finally:
        nbformat.write(book, out)
    return 0


def _client(book: Any, notebook: Path) -> NotebookClient:
    """Make a client that prints the text of outputs as they arrive."""
    from nbclient import NotebookClient  # the extra `local`

    class Echo(NotebookClient):
        def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
            if msg["msg_type"] == "stream":
                print(msg["content"]["text"], end="", flush=True)
            return super().output(outs, msg, display_id, cell_index)

    where = {"metadata": {"path": str(notebook.parent.absolute())}}
    return Echo(book, timeout=TIMEOUT_S, kernel_name="python3", resources=where)


def lab(options: Sequence[str] = ()) -> int:
    """Open a copy of the notebooks in JupyterLab; what a learner has changed in an earlier copy stays."""
    if shutil.which("jupyter-lab") is None:
        raise LlmosError('JupyterLab is missing: pip install "llmos_nb[lab]"')
    folder = Path("llmos-notebooks")
    shutil.copytree(notebooks(), folder, dirs_exist_ok=True, copy_function=_copy_new)
    # the address that the server prints leads there, too: where there is no browser it is all that one has
    command = ["jupyter-lab", str(folder / START), f"--LabApp.default_url=/lab/tree/{START}", *options]
    return subprocess.call(command)  # noqa: S603 - the user's own JupyterLab


def _copy_new(source: str, target: str) -> None:
    if not Path(target).exists():
        shutil.copy(source, target)
