"""Adapter for a benchmark of agent frameworks on one scripted endpoint.

``run(base_url, model, tools, limit)`` gives the final text. The benchmark reads the literals in capitals; `VENV` is the
Python that has this package installed.
"""

import sys
import tempfile

import llmos_nb as llmos

VENV = sys.executable
DISTS = ["llmos_nb"]
CLEAN = ("llmos_nb",)
STYLE = "tool"
ASYNC = True
PROMPT = "Add the numbers with the tools, then tell me the final answer."
HOME = tempfile.mkdtemp()


def declared(tool):
    """Say of the benchmark's nap that it is safe in a thread, as its user would."""
    return llmos.tool(effect="read", repeat="pure", thread=True)(tool) if tool.__name__ == "nap" else tool


async def run(base_url, model, tools, limit=None):
    """Run one process; it gives its answer, or the reason why there is none."""
    more = {} if limit is None else {"budget": f"{limit} steps, 2m tokens, 1000 calls"}
    found = [declared(t) for t in tools]
    proc = await llmos.run(PROMPT, model=f"{base_url}#{model}", tools=found, approve="auto", home=HOME, **more)
    return proc.answer or f"{proc.reason}: {proc.detail}"
