"""One process: its state folded from events, the driver that carries commands out, and what each command does.

Here belongs whatever works on one `Run`. What needs more than one process is `session`. The loop is `driver.drive`, and
the table above it says who carries out what; what comes next is `state.decide`. Imports: tools, heap, models, policy,
journal, messages and errors.
"""

from llmos_nb.process import briefing, decisions, finish, preview, recall, signals
from llmos_nb.process.driver import drive
from llmos_nb.process.finish import holds, ungrounded
from llmos_nb.process.recall import recall_tool
from llmos_nb.process.recover import is_warm, rebuild, settle_unfinished
from llmos_nb.process.run import Run, open_journal
from llmos_nb.process.state.decide import decide
from llmos_nb.process.state.fold.fold import fold
from llmos_nb.process.state.state import State
from llmos_nb.process.undo import fork_in_place, redo_last, undo_calls, visiting

__all__ = [
    "Run",
    "State",
    "briefing",
    "decide",
    "decisions",
    "drive",
    "finish",
    "fold",
    "fork_in_place",
    "holds",
    "is_warm",
    "open_journal",
    "preview",
    "rebuild",
    "recall",
    "recall_tool",
    "redo_last",
    "settle_unfinished",
    "signals",
    "undo_calls",
    "ungrounded",
    "visiting",
]
