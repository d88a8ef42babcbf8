"""Sphinx settings; warnings fail."""

project = "llmos_nb"
author = "The llmos_nb developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "off"
html_theme = "furo"
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "none"
suppress_warnings = ["mystnb.unknown_mime_type"]
