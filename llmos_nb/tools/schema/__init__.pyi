from .conform import accepts as accepts, conform as conform, types_of as types_of
from .signature import name_of as name_of
from .types import kind_of as kind_of
