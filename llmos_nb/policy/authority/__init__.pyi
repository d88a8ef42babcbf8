from .coverage import spoken as spoken, standing as standing
from .prose import DATA as DATA, is_prose as is_prose, rows as rows
from .roles import (
    Book as Book,
    Power as Power,
    Role as Role,
    Shelf as Shelf,
    Standing as Standing,
    parse_power as parse_power,
    parse_shelf as parse_shelf,
)
from .sentences import KINDS as KINDS, lower as lower
