from . import prompts as prompts, texts as texts
from .acts import Commitment as Commitment, moving as moving
from .context import Context as Context
from .decide import decide as decide, resumes as resumes
from .plan import Plan as Plan, Step as Step, parse_steps as parse_steps
from .rebuild import did as did, lost_names as lost_names
from .search import excerpt as excerpt
from .state import CONTROL as CONTROL, State as State, say as say
