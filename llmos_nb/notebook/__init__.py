"""Exported notebooks: how they are made, and how they are verified."""
