from .entry import Before as Before
from .snapshot import Snapshots as Snapshots, hidden as hidden, violations as violations
from .walk import Walk as Walk, names_reaching as names_reaching, reachable_names as reachable_names
