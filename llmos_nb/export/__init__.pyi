from .cells import text_of as text_of
from .export import export as export
from .source import ExportSource as ExportSource
