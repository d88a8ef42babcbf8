"""How each number of an answer is known: computed on the live variables, seen in a result, or typed by the model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
