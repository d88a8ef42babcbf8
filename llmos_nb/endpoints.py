"""The endpoints of models, as resources that all processes of the interpreter share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from llmos_nb.models.base import Model
from llmos_nb.slots import Limits
from llmos_nb.turns import Resource

if TYPE_CHECKING:
    from llmos_nb.scheduler import Run

ELSEWHERE = 8  # requests at once, of a model that does not say
_ENDPOINTS: dict[str, Resource] = {}
_registry = threading.Lock()


def endpoint(model: Model, limits: Limits, configure: bool = False) -> Resource:
    """Give the slots of a model's endpoint, which all processes of the interpreter share.

    Parameters
    ----------
    model : Model
        Its `endpoint` names where it is, its `slots` how many requests that takes at once. A model that is nowhere
        (a script) and for which nobody has set limits has slots of its own without end.
    limits : Limits
        What somebody has set.
    configure : bool
        Bring the endpoint to these limits, where it is there already.
    """
    name = model.traits.name
    own = float(getattr(model, "slots", ELSEWHERE))
    wanted = (float(limits.slots or own), limits.policy, limits.per_minute)
    key = getattr(model, "endpoint", name)
    if not key and not limits.slots and not limits.per_minute:
        return Resource(name, *wanted)
    with _registry:
        found = _ENDPOINTS.get(key or name)
        if found is None:
            found = _ENDPOINTS[key or name] = Resource(name, *wanted)
        elif configure:
            found.set(*wanted)
    return found


def bind(run: Run, limits: Limits) -> None:
    """Bring a process under limits: its endpoint and the namespace keep those of whoever was started last."""
    run.limits = limits
    endpoint(run.model, limits, configure=True)
    run.writes.set(1, limits.policy, 0)
