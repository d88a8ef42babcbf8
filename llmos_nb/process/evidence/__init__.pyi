from .marks import (
    GREEN as GREEN,
    Computed as Computed,
    Mark as Mark,
    Marked as Marked,
    Seen as Seen,
)
from .match import mark as mark
from .numbers import quantities as quantities
from .of_state import (
    evidence as evidence,
    headline as headline,
    proven as proven,
    ticked as ticked,
    told as told,
    words as words,
)
