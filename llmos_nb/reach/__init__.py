"""What can be reached from names, and which names reach an object."""

from llmos_nb.reach.names import names_reaching, reachable_names
from llmos_nb.reach.owned import is_owned, used_names
from llmos_nb.reach.walk import Change, Image, Walk

__all__ = ["Change", "Image", "Walk", "is_owned", "names_reaching", "reachable_names", "used_names"]
