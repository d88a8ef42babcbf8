"""Whether a call is covered by the user's own words: sentences, tokens, roles and the records they name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
