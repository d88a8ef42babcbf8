from . import loop as loop
from .dot import prepare as prepare
from .run import run_graph as run_graph, run_text as run_text
