from .describe import NAMED_ONLY as NAMED_ONLY, card as card, visible as visible
from .device import NamespaceDevice as NamespaceDevice
