"""What a device is given: where it stands, what its process may see, and what the settings say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import isawaitable
from pathlib import Path
from typing import Any

from llmos_nb.errors import ConfigError, nearest
from llmos_nb.messages import ToolResult
from llmos_nb.tools.declare import Effect, Repeat
from llmos_nb.tools.devices.workspace import Workspace
from llmos_nb.tools.make import as_tool
from llmos_nb.tools.protocol import CallContext, Tool, current_call


@dataclass(frozen=True)
class Site:
    """The surroundings of a process's devices.

    Parameters
    ----------
    namespace : dict
        The live names.
    allow : str
        Names and globs of ``--vars``; empty for all.
    folder : path
        The workspace.
    home : path
        Folder of the journals, which is closed to devices.
    snapshots : Snapshots, optional
        The undo store of the namespace.
    settings : mapping
        The sections ``[tools.NAME]``.
    user : str
        Who started the process.
    shown : int
        How many bytes of a result the model is shown.
    """

    namespace: dict[str, Any] = field(default_factory=dict)
    allow: str = ""
    folder: Path = Path()
    home: Path = Path(".llmos")
    snapshots: Any = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    user: str = ""
    shown: int = 4_096

    @property
    def workspace(self) -> Workspace:
        """The folder that files are read from and written to."""
        return Workspace(self.folder, (self.home,))

    def section(self, name: str, known: tuple[str, ...]) -> dict[str, Any]:
        """Return what the settings say of a device; an unknown key is named with the nearest one."""
        found = dict(self.settings.get(name, {}))
        for key in found:
            if key not in known:
                raise ConfigError(f"tools.{name}: unknown key {key!r}{nearest(key, known)}")
        return found

    def variables(self, device: str) -> tuple[str, ...]:
        """Read which variables of the environment a device's programs get beside the usual ones."""
        return self.texts(self.section(device, ("env",)), device, "env", "names of variables")

    def texts(self, section: Mapping[str, Any], device: str, key: str, what: str) -> tuple[str, ...]:
        """Read a list of texts of a section; `what` says what they are."""
        value = section.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            raise ConfigError(f"tools.{device}: {key} = {value!r} must be a list of {what}")
        return tuple(value)

    def whole(self, section: Mapping[str, Any], device: str, key: str, default: int, most: int) -> int:
        """Read a whole number of a section, from 1 to `most`."""
        value = section.get(key, default)
        if type(value) is not int or not 1 <= value <= most:
            raise ConfigError(f"tools.{device}: {key} = {value!r} must be a whole number from 1 to {most:,}")
        return value


def device_tool(
    act: Callable[..., Any], effect: Effect, repeat: Repeat, *, manifest: Mapping[str, Any] = {}, **fields: Any
) -> Tool:
    """Make a tool of what a device does: its signature and docstring are what the model sees.

    Parameters
    ----------
    act : callable
        Gives the result of a call, of its validated arguments; it may be async, and finds its context in `this_call`.
    effect, repeat : str
        As the decorator has them.
    manifest : mapping
        Other keys of the decorator.
    **fields
        Other fields of the `Tool`.
    """

    async def run(arguments: Mapping[str, Any], _: CallContext) -> ToolResult:
        given: Any = act(**arguments)
        result: ToolResult = await given if isawaitable(given) else given
        return result

    made = as_tool(act, effect=effect, repeat=repeat, **manifest)
    return replace(made, runner=run, declared=False, **fields)  # nobody but us has spoken of it


def this_call() -> CallContext:
    """Return what a device may know of the call that it serves."""
    context = current_call.get()
    assert context is not None  # noqa: S101 - `invoke` says it before a device runs
    return context


def risky(title: str, kind: str, said: str, **more: Any) -> dict[str, Any]:
    """Return what a call that must be asked for would do: its title, its one risk, and why it asks."""
    why = f"It asks because {said}."
    return {"level": "risky", "title": title, "risks": [[kind, said]], "why": why, **more}
