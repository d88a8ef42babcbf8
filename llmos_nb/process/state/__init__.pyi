from . import prompts as prompts
from .context import Context as Context
from .decide import decide as decide
from .plan import Plan as Plan, Step as Step, parse_steps as parse_steps
from .search import excerpt as excerpt
from .state import CONTROL as CONTROL, State as State
