"""Who comes next where several processes want the same model or the same namespace."""

from llmos_nb.process.scheduling import resource
from llmos_nb.process.scheduling.queue import DEFAULT, Limits, checked, read_limits
from llmos_nb.process.scheduling.resource import NamespaceLock, Sharing, Sight

__all__ = ["DEFAULT", "Limits", "NamespaceLock", "Sharing", "Sight", "checked", "read_limits", "resource"]
