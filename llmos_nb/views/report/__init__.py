"""What a command shows: tables and charts as plain data, written as text, and as HTML with pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
