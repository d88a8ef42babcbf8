from . import prices as prices
from .base import Model as Model, Traits as Traits, shown_url as shown_url
from .contexts import (
    parse_context as parse_context,
    shown_bytes as shown_bytes,
    window_bytes as window_bytes,
)
from .prices import cost as cost
from .spec import SCHEMES as SCHEMES, resolve as resolve
