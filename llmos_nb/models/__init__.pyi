from . import catalogue as catalogue
from .base import Model as Model, Traits as Traits, shown_url as shown_url
from .catalogue import (
    cost as cost,
    parse_context as parse_context,
    shown_bytes as shown_bytes,
    window_bytes as window_bytes,
)
from .openai.network import is_loopback as is_loopback, proxy_of as proxy_of
from .providers import may_ask as may_ask
from .spec import SCHEMES as SCHEMES, anywhere as anywhere, place_of as place_of, resolve as resolve
