from .files import Place as Place, find as find
from .part import Door as Door
