"""The state of the panel, as the page draws it."""

from llmos_nb.views.panel.view import Projector

__all__ = ["Projector"]
