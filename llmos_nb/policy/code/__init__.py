"""What code would do, read from its syntax tree: names read and written, and risks in words."""

from llmos_nb.policy.code.inspection import Surroundings, code_names, inspect_code
from llmos_nb.policy.code.names import bound_by, defaults, parameters
from llmos_nb.policy.code.report import plain
from llmos_nb.policy.code.tables import KINDS

__all__ = ["KINDS", "Surroundings", "bound_by", "code_names", "defaults", "inspect_code", "parameters", "plain"]
