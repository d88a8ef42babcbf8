from .inspection import code_names as code_names, inspect_code as inspect_code, parsed_code as parsed_code
from .names import (
    Surroundings as Surroundings,
    bound_by as bound_by,
    defaults as defaults,
    parameters as parameters,
    tree_of as tree_of,
    type_parameters as type_parameters,
)
from .report import plain as plain
from .risks import ordinary as ordinary
from .scopes import SCOPES as SCOPES, loop_variables as loop_variables, own as own
from .sql import quoted as quoted, sources as sources, tables_of as tables_of, unlogged as unlogged
from .tables import KINDS as KINDS, OUT_OF_MEMORY as OUT_OF_MEMORY, UNHEARD as UNHEARD
