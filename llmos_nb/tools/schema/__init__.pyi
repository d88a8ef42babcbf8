from .conform import accepts as accepts, conform as conform
from .signature import name_of as name_of
from .types import kind_of as kind_of
