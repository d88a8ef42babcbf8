"""What happened, on disk: hash-chained events, the payloads beside them, and the home folder they stand in.

`events` is the format: one class a kind of event. `chain` links and reads lines, `journal` appends them.

Here belongs whatever reads or writes a journal file, its payloads, its retention or the small database beside it.
Nothing here knows what an event means for a process (that is `process.state`), nor what a secret is (a filter is
handed in). Imports: messages and errors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
