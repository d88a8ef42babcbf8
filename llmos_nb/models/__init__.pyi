from . import prices as prices
from .base import Model as Model, Traits as Traits, shown_url as shown_url
from .prices import cost as cost
from .spec import SCHEMES as SCHEMES, resolve as resolve
