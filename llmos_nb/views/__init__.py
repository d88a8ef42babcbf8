"""Pictures of a process as pure functions of state and events: panel, page, text, loop, timeline, audit, spans.

Here belongs how something looks; who shows it where is `app.present`. Imports: process and what stands
below, not export.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
