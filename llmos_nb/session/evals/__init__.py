"""Evaluation: a folder of tasks, run over models and settings again and again, and how many came out right."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
