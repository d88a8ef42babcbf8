from . import audit as audit, page as page
from .audit import runs as runs
from .contract import VERBS as VERBS, PanelView as PanelView
from .timeline import Timeline as Timeline
from .wording import (
    closed as closed,
    count as count,
    moment as moment,
    standing as standing,
    visible as visible,
)
