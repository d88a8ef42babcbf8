"""The loop as a drawing: Graphviz, lit where the process stands."""

from llmos_nb.views.loop import loop
from llmos_nb.views.loop.loop import run_graph

__all__ = ["loop", "run_graph"]
