"""Pictures of a process as pure functions of state and events: panel, page, text, loop, timeline, audit, spans.

Here belongs how something looks; who shows it where is `app.present`. Imports: process and what stands
below, not export.
"""

from llmos_nb.views import audit, page
from llmos_nb.views.audit import runs
from llmos_nb.views.contract import VERBS, PanelView
from llmos_nb.views.timeline import Timeline
from llmos_nb.views.wording import count

__all__ = ["VERBS", "PanelView", "Timeline", "audit", "count", "page", "runs"]
