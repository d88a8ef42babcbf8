from . import audit as audit, bundle as bundle, page as page
from .audit import runs as runs
from .contract import VERBS as VERBS, Block as Block, PanelView as PanelView, Tone as Tone
from .counts import STAGES as STAGES
from .outside import left_by as left_by
from .timeline import Timeline as Timeline
from .wording import (
    ELSEWHERE as ELSEWHERE,
    LOOP as LOOP,
    clock as clock,
    closed as closed,
    count as count,
    few as few,
    moment as moment,
    phrase as phrase,
    plain as plain,
    short as short,
    standing as standing,
    status as status,
    upper as upper,
    visible as visible,
)
