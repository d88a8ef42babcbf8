"""Secrets: the vault that keeps their values out of prompts, journals and exports, and the shapes they have."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
