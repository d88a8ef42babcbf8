"""`%agent prune`, and the same by itself when the extension is loaded where retention is configured."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from llmos_nb import config, prune
from llmos_nb.commands.base import handles, say
from llmos_nb.errors import LlmosError
from llmos_nb.home import home_of
from llmos_nb.options import Command
from llmos_nb.session import Session

_log = logging.getLogger(__name__)


@handles("prune")
async def _prune(session: Session, command: Command) -> None:
    say(prune.asked(session.home, command.flags, command.flags["yes"], session.processes, session.configured))


def keep_house(configured: Mapping[str, Any], live: Callable[[], Collection[int]]) -> None:
    """Delete what is due; what is wrong with the settings is said by the first command, not here."""
    try:
        kept = config.load({}, configured).retention
        if kept.ends:
            prune.prune(home_of(None, configured), kept, live())
    except LlmosError as error:
        _log.info("nothing was pruned: %s", error)
