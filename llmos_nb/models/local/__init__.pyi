from . import fetch as fetch, weights as weights
from .model import LocalModel as LocalModel
