from . import (
    answers as answers,
    ask as ask,
    briefing as briefing,
    compute as compute,
    decisions as decisions,
    finish as finish,
    images as images,
    inputs as inputs,
    preview as preview,
    recall as recall,
    saved as saved,
    serving as serving,
    signals as signals,
)
from .driver import drive as drive
from .finish import check_key as check_key, holds as holds
from .recall import recall_tool as recall_tool
from .recover import is_warm as is_warm, settle_unfinished as settle_unfinished, unfinished as unfinished
from .restore import rebuild as rebuild
from .run import Run as Run, open_journal as open_journal
from .state.decide import decide as decide
from .state.fold.fold import fold as fold
from .state.state import State as State
from .undo import (
    UNDO as UNDO,
    beyond_undo as beyond_undo,
    fork_in_place as fork_in_place,
    out_of_reach as out_of_reach,
    redo_last as redo_last,
    redo_within_reach as redo_within_reach,
    undo_calls as undo_calls,
    undo_tool as undo_tool,
    visiting as visiting,
)
from .values import MB as MB, Values as Values
