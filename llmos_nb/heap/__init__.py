"""The live namespace: walk it, hash it, keep what a step changes, and put it back in place.

Here belongs what knows kinds of Python objects by their state. Nothing here knows processes or tools. Imports: journal,
messages and errors.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
