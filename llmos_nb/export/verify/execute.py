"""Running a notebook in a fresh kernel, in a folder of its own, with the network off."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.export.cells import whole
from llmos_nb.policy.secrets import secret_name

TIMEOUT_S = 600
_GRAMMAR = "rfc3987_syntax"
Book = dict[str, Any]
Told = Callable[[int, int], None] | None
# Runs before the kernel: an audit hook cannot be taken out again. It covers Python code; `unshare` covers the rest.
_LAUNCH = """
import errno, sys
def _off(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        host = args[1][0] if isinstance(args[1], tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0] or ""
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host and host != "localhost" and host != "::1" and not host.startswith("127."):
        raise OSError(errno.ENETUNREACH, "the network is off while a notebook is verified")
if OFFLINE: sys.addaudithook(_off)
HIDDEN
if sys.path and sys.path[0] == "": del sys.path[0]
from ipykernel import kernelapp
app = kernelapp.IPKernelApp.instance()
sys.modules["debugpy"] = None  # a third of the start, for a debugger that nobody asks here
app.initialize()
del sys.modules["debugpy"]
app.start()
"""
# Runs before the code, too: the folder in which a notebook ran is not there for it, but for Python itself and for what
# is installed from it, which it can import all the same. What a library opens past Python is not seen.
_HIDE = """
def _hide():
    import errno, importlib.machinery, os, sys
    def within(path, folders):
        return path.startswith(tuple(os.path.join(os.path.realpath(f), "") for f in folders))
    kept = [p for p in (sys.prefix, sys.base_prefix, sys.exec_prefix, *KEPT, *sys.path) if p]
    code, inside = tuple(importlib.machinery.all_suffixes()), os.path.join(FOLDER, "")
    def installed():
        packages = [vars(m).get("__path__") for m in [*sys.modules.values()] if hasattr(m, "__dict__")]
        return [p for paths in packages if paths for p in paths]
    def gone(event, args):
        if event not in ("open", "os.chdir", "os.listdir", "os.scandir", "sqlite3.connect") or not args:
            return
        if not isinstance(args[0], (str, bytes)) and not hasattr(args[0], "__fspath__"):
            return
        path = os.path.abspath(os.fsdecode(args[0]))
        whole = os.path.join(path, "")
        if not whole.startswith(inside) or within(whole, kept) or (event == "open" and path.endswith(code)):
            return
        if not within(whole, installed()):
            raise FileNotFoundError(errno.ENOENT, WHY, path)
    if not within(inside, kept):
        sys.addaudithook(gone)
_hide()
"""
LIVE = "this is the folder of the run, which is not there elsewhere; name it from the notebook's folder"


def hiding(folder: Path | None, kept: Path) -> str:
    """Return code that hides a folder from the interpreter that runs it; empty for none, and for one that many share.

    Parameters
    ----------
    folder : Path, optional
        The folder.
    kept : Path
        A folder that is there all the same, even in it.
    """
    if folder is None or not folder.is_dir() or Path.home().is_relative_to(real := folder.resolve()):
        return ""
    return f"FOLDER, KEPT, WHY = {str(real)!r}, ({str(kept)!r},), {LIVE!r}\n{_HIDE}"


@dataclass
class Execution:
    """The result of running a notebook.

    Parameters
    ----------
    outputs : list
        By cell, its outputs; None for a cell that was not reached.
    failed : tuple, optional
        Index of the cell that raised, the error's name, its text, and the traceback.
    seconds : float
        Wall time.
    """

    outputs: list[list[dict[str, Any]] | None] = field(default_factory=list)
    failed: tuple[int, str, str, str] | None = None
    seconds: float = 0.0


def execute(
    book: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    beside: Path,
    *,
    python: str = sys.executable,
    offline: bool = True,
    progress: Told = None,
    timeout_s: float = TIMEOUT_S,
    without: Path | None = None,
) -> Execution:
    """Run all cells of a notebook.

    Parameters
    ----------
    book : mapping
        The notebook; it is not changed.
    inputs : sequence of mapping
        Its declared input files, which are copied into the folder it runs in.
    beside : Path
        The folder of the notebook.
    python : str
        The interpreter of the kernel.
    offline : bool
        Cut the network off.
    progress : callable, optional
        Called with the number of cells done and of all.
    timeout_s : float
        Seconds that one cell may take.
    without : Path, optional
        A folder that is not there for it: the one of the run.

    Raises
    ------
    LlmosError
        nbclient is not installed, or no kernel starts.
    """
    started = time.monotonic()
    with room(inputs, beside) as (folder, private):
        manager = _manager(private, python, offline, hiding(without, private.parent))
        result = _run(deepcopy(dict(book)), folder, private, manager, progress, timeout_s)
        if result.failed is not None:  # a path in the room is one beside the notebook
            index, name, *words = result.failed
            text, traceback = (w.replace(f"{folder}{os.sep}", "") for w in words)
            result.failed = (index, name, text, traceback)
    result.seconds = time.monotonic() - started
    return result


@contextmanager
def grammar_later() -> Iterator[None]:
    """Import nbformat in a block without the grammar of IRIs, which takes 1.6 s to compile and checks no notebook.

    jsonschema imports it with itself; here it gets a function that compiles the grammar when an IRI is checked.
    """
    if _GRAMMAR in sys.modules or find_spec(_GRAMMAR) is None:
        yield
        return

    def is_valid_syntax(term: str, value: str) -> bool:
        return bool(import_module(_GRAMMAR).is_valid_syntax(term, value))

    later = ModuleType(_GRAMMAR)
    later.__dict__["is_valid_syntax"] = is_valid_syntax
    sys.modules[_GRAMMAR] = later
    try:
        yield
    finally:
        del sys.modules[_GRAMMAR]


@contextmanager
def room(inputs: Sequence[Mapping[str, Any]], beside: Path) -> Iterator[tuple[Path, Path]]:
    """Make the folder that a notebook runs in, with its inputs, and one for the kernel's own files.

    It is as deep as the inputs go up, so that a file named ``../data.csv`` has its place too.
    """
    with tempfile.TemporaryDirectory(prefix="nb-", ignore_cleanup_errors=True) as name:
        ups = max((Path(i["path"]).parts.count("..") for i in inputs), default=0)
        folder, private = Path(name, "w", *["d"] * ups), Path(name, "k")
        folder.mkdir(parents=True)
        private.mkdir()
        for one in inputs:
            if not Path(one["path"]).is_absolute() and (beside / one["path"]).is_file():
                target = Path(os.path.normpath(folder / one["path"]))
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(beside / one["path"], target)
        yield folder, private


def _run(book: Book, folder: Path, private: Path, manager: type, told: Told, timeout_s: float) -> Execution:
    try:
        with grammar_later():
            import nbformat  # slow to import
            from nbclient import NotebookClient  # the extra `local`
            from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError  # as above
    except ImportError as error:
        how = 'pip install "llmos_nb[local]"'
        raise LlmosError(f"{error.name} is missing, which runs notebooks: {how}") from error
    node = nbformat.from_dict(book)
    begun: list[int] = []

    def begin(cell: Any, cell_index: int) -> None:
        begun.append(cell_index)

    def count(**_: Any) -> None:
        if told is not None:
            told(len(begun), sum(c.cell_type == "code" for c in node.cells))

    hooks = {"on_cell_execute": begin, "on_cell_executed": count}
    # all is known when the last cell has ended: a kernel that ends by itself takes another 0.6 s
    options: dict[str, Any] = {"timeout": timeout_s, "shutdown_kernel": "immediate", **hooks}
    options["resources"] = {"metadata": {"path": str(folder)}}
    client = NotebookClient(node, kernel_manager_class=manager, **options)
    result, log = Execution(), private / "stderr.txt"
    try:
        with log.open("wb") as errors:  # what an interpreter logs while it ends is no business of a terminal's
            client.execute(env={**_environment(private), "PWD": str(folder)}, stderr=errors)
    except CellExecutionError as error:
        result.failed = (begun[-1], error.ename, error.evalue, error.traceback)
    except CellTimeoutError:
        result.failed = (begun[-1], "CellTimeoutError", f"it took longer than {timeout_s:g} s", "")
    except RuntimeError as error:
        if not begun:
            # left there by nbclient, with nothing to clean up any more
            atexit.unregister(client._cleanup_kernel)
            said = log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            raise LlmosError(f"no kernel starts: {said or error}") from error
        if not isinstance(error, DeadKernelError):
            raise
        result.failed = (begun[-1], "DeadKernelError", str(error), "")
    last = result.failed[0] if result.failed else len(node.cells)
    result.outputs = [whole(c.get("outputs", [])) if i <= last else None for i, c in enumerate(node.cells)]
    return result


def _manager(private: Path, python: str, offline: bool, hidden: str) -> type:
    """Make a class of kernel managers whose kernel is reached by files rather than ports, where there are such."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager  # comes with nbclient
    from jupyter_client.manager import AsyncKernelManager  # as above

    launch = f"OFFLINE = {offline}\n{_LAUNCH}".replace("HIDDEN", hidden)
    argv = [*(no_network() if offline else ()), python, "-c", launch, "-f", "{connection_file}"]

    class Only(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=argv, language="python", display_name="verified")

    class Manager(AsyncKernelManager):
        def __init__(self, **given: Any) -> None:
            transport, file = "tcp" if os.name == "nt" else "ipc", str(private / "c.json")
            super().__init__(kernel_spec_manager=Only(), transport=transport, connection_file=file, **given)

    return Manager


@cache
def no_network() -> tuple[str, ...]:
    """Return the command that takes a program's network away; empty where the system does not let us."""
    if shutil.which("unshare") is None:
        return ()
    for command in (("unshare", "-n"), ("unshare", "-rn")):  # as root, and as anybody with a user namespace
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:  # noqa: S603 - fixed words
            return command
    return ()


def _environment(private: Path) -> dict[str, str]:
    """Return the kernel's environment: no secrets, no settings of IPython's, a clean import path."""
    gone = ("PYTHONPATH", "PYTHONHASHSEED", "MPLBACKEND")  # pictures stand in the notebook
    kept = {k: v for k, v in os.environ.items() if not secret_name(k) and k not in gone}
    return {**kept, "IPYTHONDIR": str(private / "ipython"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
