"""An agent outside this interpreter, in the place of a model: what it calls by itself, and what it is told of that."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
