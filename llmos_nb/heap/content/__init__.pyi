from .source import (
    MODEL as MODEL,
    code_for as code_for,
    content as content,
    timed_fields as timed_fields,
    without_cells as without_cells,
)
