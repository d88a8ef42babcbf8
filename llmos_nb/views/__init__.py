"""Views of the state: panel, loop, text, static form."""
