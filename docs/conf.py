"""Sphinx settings; warnings fail.

The lessons are taken from `notebooks/` and executed here, so that they are shown with the outputs of this very version.
`00-start` stays as it is: it wants the weights of the local model.
"""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
LESSONS = HERE / "lessons"


def take_lessons() -> None:
    """Copy the notebooks; a copy that has not changed keeps its time, so that it is not executed again."""
    LESSONS.mkdir(exist_ok=True)
    for source in sorted((HERE.parent / "notebooks").glob("[01]*.ipynb")):
        target = LESSONS / source.name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)


take_lessons()
project = "llmos_nb"
author = project_copyright = "The llmos_nb developers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "cache"
nb_execution_excludepatterns = ["lessons/00-start.ipynb"]
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
html_theme = "furo"
exclude_patterns = ["_build", "lessons/[!01]*"]  # lessons write files beside themselves
html_extra_path = ["extra"] if (HERE / "extra").exists() else []  # what `scripts/browser-edition` built
if html_extra_path:
    tags.add("browser")  # noqa: F821 - Sphinx gives it
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "none"
suppress_warnings = ["mystnb.unknown_mime_type"]
