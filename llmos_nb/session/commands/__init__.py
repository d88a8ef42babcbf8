"""Commands to processes that another interpreter has at hand: files in the home, each carried out once."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
