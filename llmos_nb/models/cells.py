"""A model that is none: it proposes the cells of a skill one by one, and stops where one did not run well."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from llmos_nb.errors import ModelRefused
from llmos_nb.messages import Request, Response
from llmos_nb.models.base import Traits
from llmos_nb.models.scripted import ScriptedModel

_NOT_WELL = ("Error", "Not run")


class CellsModel(ScriptedModel):
    """Proposes cells in order.

    Parameters
    ----------
    source : path-like
        A script whose turns each run one cell; the last gives the answer.
    """

    def __init__(self, source: str | os.PathLike[str]) -> None:
        super().__init__(source, Traits(f"skill:{Path(source).parent.parent.name}", plans=False))

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Propose the next cell, unless the last one failed or was refused: what follows rests on it."""
        last = next((m.text for m in reversed(request.messages) if m.role == "tool"), "")
        if last.startswith(_NOT_WELL):
            raise ModelRefused(
                f"the skill stops here, since its last cell did not run: {last.splitlines()[-1][:200]}"
            )
        return await super().respond(request, on_text)
