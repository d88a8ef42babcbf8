from .act import ActData as ActData, ActsMoved as ActsMoved, ActUsed as ActUsed
from .answer import AnswerComputed as AnswerComputed, CheckFinished as CheckFinished
from .call import (
    CallDecided as CallDecided,
    CallFinished as CallFinished,
    CallInDoubt as CallInDoubt,
    CallRedone as CallRedone,
    CallResolved as CallResolved,
    CallStarted as CallStarted,
    CallUndone as CallUndone,
    Changes as Changes,
    NamesChanged as NamesChanged,
    ToolCalled as ToolCalled,
    ToolReturned as ToolReturned,
    UndoProposed as UndoProposed,
)
from .decider import (
    BUDGET as BUDGET,
    CONFLICT as CONFLICT,
    DEADLINE as DEADLINE,
    INTERRUPT as INTERRUPT,
    MODEL as MODEL,
    NO_ONE as NO_ONE,
    PLAN as PLAN,
    REPEAT as REPEAT,
    SCHEMA as SCHEMA,
    TESTS as TESTS,
    YOU as YOU,
    Decider as Decider,
    DeciderData as DeciderData,
    former as former,
    person as person,
    typed as typed,
)
from .end import (
    BACK as BACK,
    FOR_GOOD as FOR_GOOD,
    REBUILD as REBUILD,
    SINCE as SINCE,
    AfterEnd as AfterEnd,
    may_follow as may_follow,
)
from .heap import HeapChanged as HeapChanged, HeapRestored as HeapRestored
from .kinds import KINDS as KINDS, Body as Body, Unknown as Unknown, migrated as migrated, parse as parse
from .message import (
    MessageArrived as MessageArrived,
    MessageAwaited as MessageAwaited,
    MessageDone as MessageDone,
    MessageInDoubt as MessageInDoubt,
    MessageReady as MessageReady,
    MessageReturned as MessageReturned,
    MessageSent as MessageSent,
    MessageTaken as MessageTaken,
)
from .model import (
    BudgetReserved as BudgetReserved,
    BudgetSettled as BudgetSettled,
    ContextPaged as ContextPaged,
    ModelFailed as ModelFailed,
    ModelRequested as ModelRequested,
    ModelResponded as ModelResponded,
    ProposedCall as ProposedCall,
)
from .notebook import CellRan as CellRan, NotebookOpened as NotebookOpened, ProcessJoined as ProcessJoined
from .plan import (
    PlanDecided as PlanDecided,
    PlanEdited as PlanEdited,
    PlanProposed as PlanProposed,
    StepData as StepData,
    StepIntegrated as StepIntegrated,
)
from .question import (
    EffectDecided as EffectDecided,
    QuestionAnswered as QuestionAnswered,
    QuestionAsked as QuestionAsked,
    QuestionDue as QuestionDue,
    QuestionEscalated as QuestionEscalated,
)
from .run import (
    FURTHER as FURTHER,
    VERSION as VERSION,
    HeadMessage as HeadMessage,
    LabelChanged as LabelChanged,
    OutputsDeclared as OutputsDeclared,
    Parent as Parent,
    PolicyChanged as PolicyChanged,
    PolicyLoaded as PolicyLoaded,
    Reason as Reason,
    RunEnded as RunEnded,
    RunPaused as RunPaused,
    RunResumed as RunResumed,
    RunStarted as RunStarted,
    Signal as Signal,
    SignalReceived as SignalReceived,
    ToolsChanged as ToolsChanged,
)
from .state import StateSaved as StateSaved
