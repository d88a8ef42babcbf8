"""The workspace as a process sees it: the folder with its overlay on top."""

from __future__ import annotations

from typing import Any

from llmos_nb.devices.files.overlay import Entry, folded
from llmos_nb.devices.files.store import Store
from llmos_nb.devices.site import Site
from llmos_nb.devices.workspace import fits
from llmos_nb.errors import UsageError, nearest

LARGEST = 1 << 20


class View:
    """Files by their names.

    Parameters
    ----------
    site : Site
        Where the process stands.
    run : Run, optional
        The process, whose surviving calls make the overlay; without one there is nothing to fold.
    """

    def __init__(self, site: Site, run: Any = None) -> None:
        self._site, self._run = site, run
        self._workspace, self._store = site.workspace, Store(site.home / "files")
        self._under_way: dict[str, dict[str, Any]] = {}

    def overlay(self) -> dict[str, Entry]:
        """Give what is written and not committed, by path."""
        calls = self._run.state.calls if self._run is not None else {}
        done = [c.facts for c in self._run.state.surviving] if self._run is not None else []
        under_way = {k: f for k, f in self._under_way.items() if k in calls and calls[k].status == "running"}
        self._under_way = under_way
        return folded([*done, *under_way.values()])

    def _content(self, path: str) -> bytes | None:
        """Give a file as the process sees it, or None."""
        entry = self.overlay().get(path)
        if entry is not None:
            return self._store.get(entry.wanted) if entry.wanted else None
        place = self._workspace.place(path)
        if not place.exists():
            return None
        if not place.is_file():
            raise UsageError(f"{path!r} is no regular file")
        if place.stat().st_size > LARGEST:
            raise UsageError(
                f"{path!r}: {place.stat().st_size:,} bytes; at most {LARGEST:,} are read (use sql or python)"
            )
        return place.read_bytes()

    def _name(self, path: object) -> str:
        return self._workspace.name(self._workspace.place(str(path)))

    def _there(self, path: str) -> bytes:
        raw = self._content(path)
        if raw is None:
            raise UsageError(f"{path!r}: there is no such file{nearest(path, self._names())}")
        return raw

    def _names(self, pattern: str = "*") -> list[str]:
        overlay = self.overlay()
        new = [p for p, e in overlay.items() if e.wanted and fits(p, pattern)]
        return sorted(
            {*new, *(n for n in self._workspace.files(pattern) if n not in overlay or overlay[n].wanted)}
        )
