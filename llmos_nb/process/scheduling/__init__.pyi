from . import resource as resource
from .queue import DEFAULT as DEFAULT, Limits as Limits, checked as checked, read_limits as read_limits
from .resource import NamespaceLock as NamespaceLock, Sharing as Sharing, Sight as Sight
from .turns import contended as contended, turns_of as turns_of
