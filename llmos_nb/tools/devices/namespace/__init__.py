"""Looking at live variables: names, descriptions, frames."""

from llmos_nb.tools.devices.namespace.describe import card, visible
from llmos_nb.tools.devices.namespace.device import NamespaceDevice

__all__ = ["NamespaceDevice", "card", "visible"]
