"""Whose word a call stands on: tokens of the user's words in their roles, and records that they name. Pure."""
