"""The database device: read-only SQL over live tables, files of the workspace and databases of the namespace."""
