"""Whether a call is covered by the user's own words: sentences, tokens, roles and the records they name."""

from llmos_nb.policy.authority.coverage import spoken, standing
from llmos_nb.policy.authority.prose import DATA, is_prose, rows
from llmos_nb.policy.authority.roles import Book, Power, Role, Shelf, Standing, parse_power, parse_shelf
from llmos_nb.policy.authority.tokens import KINDS, lower

__all__ = [
    "DATA",
    "KINDS",
    "Book",
    "Power",
    "Role",
    "Shelf",
    "Standing",
    "is_prose",
    "lower",
    "parse_power",
    "parse_shelf",
    "rows",
    "spoken",
    "standing",
]
