"""The journal's format: one class a kind of event, with every key of its line, when it is written and what it means.

A line is ``{"n", "at", "k", "d", "prev", "hash", "mac"}`` (see `chain`); ``k`` is a class's `kind`, ``d`` its fields.
Version 2 names itself in `RunStarted`; from version 3 on a `Decider` says who decided, where a text had done so. A kind
that is not among these is a newer one: a process's journal that holds it is not read, since what it means would be left
out.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
