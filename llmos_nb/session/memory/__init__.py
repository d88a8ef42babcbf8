"""Long-term memory: what is remembered over runs, in the database of a home."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
