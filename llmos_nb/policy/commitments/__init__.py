"""Commitments: what a plan says it will do outside, and where each argument comes from; whether a call is one of these.

A model writes acts while it has read nothing of others. Each is one expression, which is read by its syntax and never
run: its values are computed here from the reads that it names. Pure: reads come from a function that is handed over.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
