"""One service a home: it runs what it is handed, and goals, with no notebook there."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
