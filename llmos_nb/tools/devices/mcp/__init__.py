"""Tools of MCP servers: how a server is started, what it says of its tools, and its wire."""

from llmos_nb.tools.devices.mcp.servers import Servers

__all__ = ["Servers"]
