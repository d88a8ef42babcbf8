"""Where libraries keep what they can make again, and where temporary files lie."""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache

_DATA = ("seaborn-data", "nltk_data", ".keras", ".torch", ".skimage")  # as libraries fetch them
_CACHES = (
    "XDG_CACHE_HOME", "SCIKIT_LEARN_DATA", "HF_HOME", "TORCH_HOME", "MPLCONFIGDIR", "NUMBA_CACHE_DIR",
    "JOBLIB_TEMP_FOLDER",
)  # fmt: skip


def caches() -> list[str]:
    """Return the folders in which libraries keep what they can make again, and IPython what it knows of sessions."""
    home = os.path.expanduser("~")  # noqa: PTH111 - a text
    found = [
        f"{home}{os.sep}{n}"
        for n in (".cache", ".matplotlib", ".config/matplotlib", ".fontconfig", "scikit_learn_data", *_DATA)
    ]
    found += [os.environ[n].rstrip(os.sep) for n in _CACHES if os.environ.get(n)]
    profiles = os.environ.get("IPYTHONDIR", "").rstrip(os.sep) or f"{home}{os.sep}.ipython"
    return [*found, os.path.join(profiles, "profile_default", "db")]  # noqa: PTH118 - texts; nothing there is run


@lru_cache(maxsize=1)
def places() -> tuple[str, tuple[str, ...]]:
    """Return the folder of temporary files, and those of caches, as they are before a step could name others."""
    try:
        temporary = tempfile.gettempdir()
    except FileNotFoundError:  # there is none that can be written to, and so none of its files
        temporary = os.devnull
    return os.path.realpath(temporary), tuple(caches())
