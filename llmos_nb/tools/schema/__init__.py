"""Between annotations, JSON schemas and values: one reading of types for all tools."""

from llmos_nb.tools.schema.conform import accepts, conform
from llmos_nb.tools.schema.signature import name_of
from llmos_nb.tools.schema.types import kind_of

__all__ = ["accepts", "conform", "kind_of", "name_of"]
