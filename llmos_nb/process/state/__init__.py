"""What a process is, and what comes next: `State`, `fold`, `decide`, the plan, the context window. Pure."""

from llmos_nb.process.state import prompts
from llmos_nb.process.state.context import Context
from llmos_nb.process.state.decide import decide
from llmos_nb.process.state.plan import Plan, Step, parse_steps
from llmos_nb.process.state.search import excerpt
from llmos_nb.process.state.state import CONTROL, State

__all__ = ["CONTROL", "Context", "Plan", "State", "Step", "decide", "excerpt", "parse_steps", "prompts"]
