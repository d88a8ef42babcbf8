from .card import has_rest as has_rest
from .view import Projector as Projector
