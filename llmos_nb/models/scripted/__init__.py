"""Models that answer from a file: scripts for tests and lessons, and recorded runs."""

from llmos_nb.models.scripted import model
from llmos_nb.models.scripted.model import ScriptedModel

__all__ = ["ScriptedModel", "model"]
