"""May this be done? Pure decisions from rules, modes, labels, budgets and what code would do.

Here belongs whatever decides or predicts without running anything. What touches a running process (asking, recording a
decision) is `process.gate`. Imports: journal (canonical JSON), messages and errors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
