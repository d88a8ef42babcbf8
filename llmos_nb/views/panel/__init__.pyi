from .view import Projector as Projector
