"""MCP servers of a session: started when a process first needs one, and shared by all."""

from __future__ import annotations

from collections.abc import Mapping

from llmos_nb.process import Run
from llmos_nb.session import config
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import SessionLike
from llmos_nb.tools import Tool
from llmos_nb.tools.devices.mcp import Servers


class ToolServers(Part):
    """Gives processes the tools of servers."""

    def __init__(self, session: SessionLike) -> None:
        super().__init__(session)
        self.servers = Servers(lambda: session.home, lambda: config.load({}, session.configured))

    def tools(self, run: Run) -> Mapping[str, Tool]:
        """Give a process the servers; which of their tools it has is settled when it begins."""
        run.servers = self.servers
        return {}
