"""May this be done? Pure decisions from rules, modes, labels, budgets and what code would do.

Here belongs whatever decides or predicts without running anything. What touches a running process (asking, recording a
decision) is `process.gate`. Imports: journal (canonical JSON), messages and errors.
"""

from llmos_nb.policy import approval, budget, labels, rules
from llmos_nb.policy.approval import NONE, Approval, tighter, until_words, who_words
from llmos_nb.policy.approver import APPROVER, ApprovalRequest, Approver, Approvers, Decision, Seat, seated
from llmos_nb.policy.budget import Budget, show
from llmos_nb.policy.labels import (
    CONTEXT,
    FILE,
    TRUSTED,
    UNKNOWN_FILE,
    UNTRUSTED,
    Came,
    Label,
    inherited,
    parse,
)
from llmos_nb.policy.plugins import Plugin, load_plugins
from llmos_nb.policy.rules import (
    MODES,
    Act,
    Mode,
    Rule,
    Ruling,
    call_digest,
    envelope,
    in_advance,
    judge,
    judge_plan,
    parse_mode,
    parse_rule,
)

__all__ = [
    "APPROVER",
    "CONTEXT",
    "FILE",
    "MODES",
    "NONE",
    "TRUSTED",
    "UNKNOWN_FILE",
    "UNTRUSTED",
    "Act",
    "Approval",
    "ApprovalRequest",
    "Approver",
    "Approvers",
    "Budget",
    "Came",
    "Decision",
    "Label",
    "Mode",
    "Plugin",
    "Rule",
    "Ruling",
    "Seat",
    "approval",
    "budget",
    "call_digest",
    "envelope",
    "in_advance",
    "inherited",
    "judge",
    "judge_plan",
    "labels",
    "load_plugins",
    "parse",
    "parse_mode",
    "parse_rule",
    "rules",
    "seated",
    "show",
    "tighter",
    "until_words",
    "who_words",
]
