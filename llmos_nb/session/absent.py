"""The model of a process that is only to be looked at, decided on or ended, where its own cannot be had here."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from llmos_nb.errors import ModelRefused
from llmos_nb.journal import first
from llmos_nb.journal.events import RunStarted
from llmos_nb.messages import Request, Response
from llmos_nb.models import Traits


class Absent:
    """Stands for a model that cannot be had: no key, no weights, or an object of another interpreter.

    Parameters
    ----------
    folder : Path
        Of the run.
    why : str
        What is wrong with its model.
    """

    slots, endpoint = math.inf, ""

    def __init__(self, folder: Path, why: str) -> None:
        body = first(folder / "journal.jsonl").body
        name, spec = (body.model, body.spec) if isinstance(body, RunStarted) else ("", "")
        self.traits, self.spec, self.why = Traits(name), spec or "", why

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Refuse: there is no model."""
        raise ModelRefused(self.why)
