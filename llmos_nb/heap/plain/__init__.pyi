from .values import MOST_BYTES as MOST_BYTES, decode as decode, encode as encode, text_of as text_of
