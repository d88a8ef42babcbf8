"""What code would do, read from its syntax tree: names read and written, and risks in words."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
