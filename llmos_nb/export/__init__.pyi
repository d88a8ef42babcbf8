from . import ran as ran
from .cells import text_of as text_of
from .export import export as export
from .order import Ran as Ran, ordered as ordered, places as places
from .source import ExportSource as ExportSource
from .target import target_of as target_of
