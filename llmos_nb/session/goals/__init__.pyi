from . import goals as goals
from .calendar import zone_of as zone_of
from .goals import Goal as Goal, Goals as Goals
from .waker import SERVICE as SERVICE, STOPPED as STOPPED, Waker as Waker, lacking as lacking
