"""Spans of processes, sent while they run to the OpenTelemetry collector of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmos_nb.process import Run
from llmos_nb.session.parts import Part
from llmos_nb.views.spans import export

if TYPE_CHECKING:
    from llmos_nb.session.config import Settings


class Tracing(Part):
    """Sends the spans of each process, where the settings ask for it."""

    def begun(self, run: Run, settings: Settings) -> Mapping[str, Any]:
        """Follow a process."""
        export.follow(run)
        return {}
