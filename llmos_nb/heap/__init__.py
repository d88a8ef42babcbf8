"""The live namespace: walk it, hash it, keep what a step changes, and put it back in place.

Here belongs what knows kinds of Python objects by their state. Nothing here knows processes or tools. Imports: journal,
messages and errors.
"""

from llmos_nb.heap.bind import violations
from llmos_nb.heap.entry import Before
from llmos_nb.heap.snapshot import Snapshots, hidden
from llmos_nb.heap.walk import Walk, names_reaching, reachable_names

__all__ = ["Before", "Snapshots", "Walk", "hidden", "names_reaching", "reachable_names", "violations"]
