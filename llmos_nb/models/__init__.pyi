from . import prices as prices
from .base import Model as Model, Traits as Traits
from .prices import cost as cost
from .spec import SCHEMES as SCHEMES, resolve as resolve
