from .bind import violations as violations
from .entry import Before as Before
from .snapshot import Snapshots as Snapshots, hidden as hidden
from .walk import Walk as Walk, names_reaching as names_reaching, reachable_names as reachable_names
