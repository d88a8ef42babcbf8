from . import execute as execute, seal as seal
from .seal import hash_of as hash_of
from .signature import key_in_words as key_in_words, sign as sign, signed_by as signed_by, signing_key as signing_key
from .verify import verify as verify
