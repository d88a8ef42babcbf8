from .digest import digest as digest
