"""What a model may call: declare, describe by schema, validate, run.

Here belongs the `Tool` itself and the devices. A device that another package brings is an entry point. What decides
whether a call may run is `policy` and `process.gate`. Imports: heap, models, policy, journal, messages and errors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
