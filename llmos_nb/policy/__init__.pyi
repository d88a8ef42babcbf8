from . import approval as approval, budget as budget, labels as labels, rules as rules
from .approval import (
    NONE as NONE,
    Approval as Approval,
    tighter as tighter,
    until_words as until_words,
    who_words as who_words,
)
from .approver import (
    ApprovalRequest as ApprovalRequest,
    Approver as Approver,
    Approvers as Approvers,
    Decision as Decision,
    Seat as Seat,
    seated as seated,
)
from .budget import Budget as Budget, show as show
from .effects import (
    Effect as Effect,
    Predicted as Predicted,
    covered as covered,
    in_folders as in_folders,
    listed as listed,
    rule_on as rule_on,
    within as within,
)
from .labels import (
    CONTEXT as CONTEXT,
    FILE as FILE,
    TRUSTED as TRUSTED,
    UNKNOWN_FILE as UNKNOWN_FILE,
    UNTRUSTED as UNTRUSTED,
    Came as Came,
    Label as Label,
    inherited as inherited,
    parse as parse,
)
from .lookalikes import lookalikes as lookalikes, odd as odd, skeleton as skeleton
from .plugins import Plugin as Plugin, load_plugins as load_plugins
from .prose import DATA as DATA, is_prose as is_prose
from .rules import (
    MODES as MODES,
    Act as Act,
    Cover as Cover,
    Mode as Mode,
    Rule as Rule,
    Ruling as Ruling,
    call_digest as call_digest,
    envelope as envelope,
    in_advance as in_advance,
    judge as judge,
    judge_plan as judge_plan,
    parse_mode as parse_mode,
    parse_rule as parse_rule,
)
from .texts import TEXTS as TEXTS, speaking as speaking, tell as tell
