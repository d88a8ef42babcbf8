"""Events in, state out: one small function a kind of event."""

from llmos_nb.process.state.fold.fold import fold

__all__ = ["fold"]
