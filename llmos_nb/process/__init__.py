"""One process: its state folded from events, the driver that carries commands out, and what each command does.

Here belongs whatever works on one `Run`. What needs more than one process is `session`. The loop is `driver.drive`, and
the table above it says who carries out what; what comes next is `state.decide`. Imports: tools, heap, models, policy,
journal, messages and errors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
