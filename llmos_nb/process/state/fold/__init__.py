"""Events in, state out: `fold`, with what the events of calls, of the model, and of the run do."""

from llmos_nb.process.state.fold.fold import fold

__all__ = ["fold"]
