from . import catalogue as catalogue
from .base import Model as Model, Traits as Traits, shown_url as shown_url
from .catalogue import (
    cost as cost,
    parse_context as parse_context,
    shown_bytes as shown_bytes,
    window_bytes as window_bytes,
)
from .spec import SCHEMES as SCHEMES, resolve as resolve
