"""Goals that come back until they are done."""

from llmos_nb.session.goals import goals
from llmos_nb.session.goals.goals import Goal, Goals
from llmos_nb.session.goals.waker import Waker

__all__ = ["Goal", "Goals", "Waker", "goals"]
