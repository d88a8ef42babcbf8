"""The terminal form: lines, forms, keys and tables."""

from llmos_nb.views.text import view
from llmos_nb.views.text.keys import prompt_keys
from llmos_nb.views.text.tables import diff, table

__all__ = ["diff", "prompt_keys", "table", "view"]
