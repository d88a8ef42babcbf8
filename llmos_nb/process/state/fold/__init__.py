"""Events in, state out: `fold`, with what the events of calls, of the model, and of the run do."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
