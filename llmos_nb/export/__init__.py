"""A run as a plain notebook that runs again with no model, and the proof of it.

Here belongs whatever turns surviving steps into cells. Imports: process and what stands below, not views.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
