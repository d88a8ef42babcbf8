"""A run as a plain notebook that runs again with no model, and the proof of it.

Here belongs whatever turns surviving steps into cells. Imports: process and what stands below, not views.
"""

from llmos_nb.export.cells import text_of
from llmos_nb.export.export import export
from llmos_nb.export.source import ExportSource

__all__ = ["ExportSource", "export", "text_of"]
