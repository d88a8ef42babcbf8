from . import execute as execute, seal as seal
from .seal import hash_of as hash_of
from .signature import sign as sign, signed_by as signed_by, signing_key as signing_key
from .verify import verify as verify
