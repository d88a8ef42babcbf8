from . import goals as goals
from .goals import Goal as Goal, Goals as Goals
from .waker import Waker as Waker
