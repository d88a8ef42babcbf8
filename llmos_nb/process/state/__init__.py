"""What a process is, and what comes next: `State`, `fold`, `decide`, the plan, the context window. Pure."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
