from . import loop as loop
from .loop import run_graph as run_graph
