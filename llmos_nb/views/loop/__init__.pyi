from . import loop as loop
from .dot import prepare as prepare
from .loop import run_graph as run_graph
