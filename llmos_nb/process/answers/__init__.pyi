from .literals import Literal as Literal, has_decimal_comma as has_decimal_comma, literals as literals
from .markdown import markup as markup, prose as prose
from .numbers import (
    KINDS as KINDS,
    Number as Number,
    Source as Source,
    counted as counted,
    marked as marked,
    numbers as numbers,
    said as said,
    undone_below as undone_below,
)
