"""Python on the live namespace: run a step, stop it, capture what it prints, shows and raises."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
