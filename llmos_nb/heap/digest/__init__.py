"""Digests of values by their content."""

from llmos_nb.heap.digest.digest import digest

__all__ = ["digest"]
