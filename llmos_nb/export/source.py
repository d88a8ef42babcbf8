"""What an export is made from: a process's state and what stands around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmos_nb.journal import Event
from llmos_nb.journal.events import CellRan
from llmos_nb.process.state import State
from llmos_nb.tools import Tool

SCHEMA = 1


@dataclass
class ExportSource:
    """A process as the exporter sees it.

    Parameters
    ----------
    goal, name, model : str
        As they were given.
    pid : int
        The process.
    settings : dict
        Approval mode, budget and the like, for the record.
    state : State
        Folded from `events`.
    events : list of Event
        The journal.
    tools : dict
        By name, for calls as code and the source of the user's functions.
    user_cells : list of (int, str)
        The user's own executed cells with their execution counts. Cells that start with ``%%agent`` may stand among
        them; they are left out, but say what came before the process.
    cells : mapping
        By the same number, what is recorded of them.
    placed : mapping, optional
        By call, its number among the user's cells; None where that is not recorded.
    wanted : bool
        Its results are asked for; of any other process only what these need stands in the notebook.
    namespace : dict, optional
        The live one, for inputs that no cell makes and for what the notebook must hold in the end.
    blobs : path, optional
        Folder of the payloads beside the journal.
    random_state : mapping, optional
        Plain random states as they stood before the first step that drew: ``random`` (as `getstate` returns it),
        ``numpy`` (``[keys, position, has_gauss, cached]``).
    secrets : sequence of str
        Values that must not be in the file.
    cwd : path, optional
        Folder that relative file names start from; default the present one.
    """

    goal: str
    name: str = ""
    pid: int = 0
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    state: State = field(default_factory=State)
    events: Sequence[Event] = ()
    tools: Mapping[str, Tool] = field(default_factory=dict)
    user_cells: Sequence[tuple[int, str]] = ()
    cells: Mapping[int, CellRan] = field(default_factory=dict)
    placed: Mapping[str, int] | None = None
    wanted: bool = True
    namespace: Mapping[str, Any] | None = None
    blobs: Path | None = None
    random_state: Mapping[str, Any] | None = None
    secrets: Sequence[str] = ()
    cwd: Path | None = None

    @property
    def folder(self) -> Path:
        """The folder that relative file names start from."""
        return Path(self.cwd) if self.cwd is not None else Path.cwd()


def plain_states(states: Mapping[str, Any]) -> dict[str, Any]:
    """Return random states, as a snapshot notes them before a step, in the plain form of `ExportSource.random_state`.

    Parameters
    ----------
    states : mapping
        ``random`` from ``random.getstate()``, ``numpy`` from ``numpy.random.get_state(legacy=False)``.
    """
    found: dict[str, Any] = {}
    if "random" in states:
        version, keys, gauss = states["random"]
        found["random"] = [version, list(keys), gauss]
    numpy = states.get("numpy")
    if numpy is not None and numpy["bit_generator"] == "MT19937":
        keys, position = numpy["state"]["key"].tolist(), int(numpy["state"]["pos"])
        found["numpy"] = [keys, position, int(numpy["has_gauss"]), float(numpy["gauss"])]
    return found
