"""The record of the notebook itself: the user's cells as they run, in one order with the steps of all processes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
