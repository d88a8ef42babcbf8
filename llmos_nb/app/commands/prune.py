"""The `%agent prune` command, and what is deleted in the background when the extension loads."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from llmos_nb.app.options import Command
from llmos_nb.errors import LlmosError
from llmos_nb.journal import home_of
from llmos_nb.session import Session, config, prune as retention

_log = logging.getLogger(__name__)


async def prune(session: Session, command: Command) -> None:
    flags, live = command.flags, session.processes
    print(retention.asked(session.home, flags, flags["yes"], live, session.configured))


def keep_house(configured: Mapping[str, Any], live: Callable[[], Collection[int]]) -> None:
    """Delete what is due; what is wrong with the settings is said by the first command, not here."""
    try:
        kept = config.load({}, configured).retention
        if kept.ends:
            retention.prune(home_of(None, configured), kept, live())
    except LlmosError as error:
        _log.info("nothing was pruned: %s", error)
