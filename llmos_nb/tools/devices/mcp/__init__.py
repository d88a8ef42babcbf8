"""Tools of MCP servers: how a server is started, what it says of its tools, and its wire."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
