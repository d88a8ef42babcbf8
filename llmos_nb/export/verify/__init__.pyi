from . import execute as execute, seal as seal
from .seal import hash_of as hash_of
from .signature import sign as sign
from .verify import verify as verify
