from .source import (
    MODEL as MODEL,
    code_for as code_for,
    content as content,
    told as told,
    without_cells as without_cells,
)
