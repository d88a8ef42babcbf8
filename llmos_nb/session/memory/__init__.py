"""Long-term memory: what is remembered over runs, in the database of a home."""

from llmos_nb.session.memory.store import Remembered

__all__ = ["Remembered"]
