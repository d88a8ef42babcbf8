from .describe import card as card, visible as visible
from .device import NamespaceDevice as NamespaceDevice
