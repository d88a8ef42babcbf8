"""A stand-in for the model of a run, while nobody can have it: looking at a run needs no model, key or endpoint."""

from __future__ import annotations

import math
from collections.abc import Callable

from llmos_nb.errors import ModelRefused
from llmos_nb.messages import Request, Response
from llmos_nb.models import Traits


class Absent:
    """Stands for a model that cannot be had: no key, no weights, another endpoint, or an object of another interpreter.

    Parameters
    ----------
    name : str
        Of the model.
    why : str
        What is wrong with it.
    """

    slots, endpoint = math.inf, ""

    def __init__(self, name: str, why: str) -> None:
        self.traits, self.why = Traits(name), why

    async def respond(self, request: Request, on_text: Callable[[str], None]) -> Response:
        """Refuse: there is no model."""
        raise ModelRefused(self.why)
