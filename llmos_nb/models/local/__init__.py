"""The small local model: weights, engine, prompt format, and the checks of the code that it writes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
