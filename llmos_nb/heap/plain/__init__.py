"""Values as plain data: typed bytes for which nothing has to be run when they are read."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
