"""Secrets: known by name and shape, found in every disguise, replaced by handles."""
