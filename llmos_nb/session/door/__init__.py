"""A door of the notebook: agents that somebody has elsewhere work on its variables, under the gate of all models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
