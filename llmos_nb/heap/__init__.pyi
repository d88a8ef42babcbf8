from . import random_states as random_states
from .changes import Before as Before, hidden as hidden, violations as violations
from .snapshot import Snapshots as Snapshots
from .walk import Walk as Walk, names_reaching as names_reaching, reachable_names as reachable_names
