from . import random_states as random_states
from .adapters.code import is_owned as is_owned, is_written as is_written
from .changes import Before as Before, hidden as hidden, violations as violations
from .grids import grid as grid, is_table as is_table, spelled as spelled
from .snapshot import Snapshots as Snapshots
from .walk import (
    Walk as Walk,
    can_change as can_change,
    names_reaching as names_reaching,
    reachable_names as reachable_names,
)
