from . import unit as unit
from .claim import Claim as Claim
from .orders import hand_over as hand_over
from .service import Service as Service
