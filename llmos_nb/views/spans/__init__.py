"""A run as OpenTelemetry spans."""

from llmos_nb.views.spans import export

__all__ = ["export"]
