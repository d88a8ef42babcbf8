"""The small local model: weights, engine, prompt format, and the checks of the code that it writes."""

from llmos_nb.models.local import fetch, weights
from llmos_nb.models.local.model import LocalModel

__all__ = ["LocalModel", "fetch", "weights"]
