"""Who acts, told by the frames: this package, a library, code of a step, or an object that is only looked at."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from types import CodeType, FrameType

from llmos_nb.tools import handed, natives, reentry, unheard

ROOT = f"{Path(__file__).parents[1]}{os.sep}"
_OWN = tuple(ROOT + room + os.sep for room in ("journal", "tools", "process", "heap"))
_DEVICE, _OTHERS = (str(Path(ROOT, "tools", "devices", one)) for one in ("python", ""))
_LOOKING = tuple(  # where values are only looked at
    str(Path(ROOT, place))
    for place in (
        "heap", "policy", "views", "tools/text.py", "tools/devices/namespace", "tools/devices/python/shown.py",
        "tools/devices/python/execute.py", "process/values.py", "process/gate/nested.py", "process/gate/bound.py",
    )
)  # fmt: skip
# What IPython shows values with, and what looks for modules, call whatever was put there, and act by themselves never.
_SHOWING = tuple(
    f"IPython{os.sep}{place}.py"
    for place in (
        f"core{os.sep}formatters",
        f"core{os.sep}completer",
        f"core{os.sep}oinspect",
        f"lib{os.sep}pretty",
    )
)
_FINDERS = ("_path_hooks", "_find_spec")
_ACTING = tuple(str(Path(ROOT, p)) for p in ("heap/ambient.py", "views/spans", "views/loop"))  # there it acts itself
_LOADERS = (SourceFileLoader, SourcelessFileLoader)
SITES = ("site-packages", "dist-packages")
STDLIB = tuple({f"{sysconfig.get_path(k)}{os.sep}" for k in ("stdlib", "platstdlib")})


# what stands in the place of functions that a step calls
_BETWEEN = tuple(
    str(Path(ROOT, "tools", f"{name}.py"))
    for name in ("trampolines", "unheard", "natives", "connections", "databases", "logs")
)
STEP = "<code of a step>"


def file_of(code: CodeType) -> str:
    """Return the file of code; code of a step may bear any name, and is in none."""
    return STEP if reentry.of_step(code) else code.co_filename


def bears_ours(code: CodeType | str) -> bool:
    """Return whether code, or code of this file name, would count as this package's."""
    return (code if isinstance(code, str) else file_of(code)).startswith(ROOT)


def loaded(frame: FrameType | None) -> bool:
    """Return whether the import system itself acts, with the very file that a module is in."""
    while frame is not None and file_of(frame.f_code).startswith("<frozen "):
        loader = frame.f_locals.get("self") if frame.f_code.co_name in ("get_code", "exec_module") else None
        if type(loader) in _LOADERS and loader.__dict__.keys() <= {"name", "path"}:
            return True
        frame = frame.f_back
    return False


def caller(frame: FrameType | None, *skipped: str) -> str:
    """Return the file of the nearest code that is not of the standard library, nor under these paths."""
    while frame is not None:
        if not _between(frame) and not (file := file_of(frame.f_code)).startswith(skipped):
            return file
        frame = frame.f_back
    return ""


def _between(frame: FrameType) -> bool:
    """Return whether code only stands between others: the standard library's, and what calls for a step."""
    ours = ("<frozen", reentry.__file__, handed.__file__, unheard.__file__, natives.__file__)
    return in_stdlib(frame) or file_of(frame.f_code).startswith(ours)


def of_package(name: str) -> tuple[str, ...]:
    """Return where the code of a package lies, if somebody has imported it."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return (os.path.dirname(file) + os.sep,) if file else ()  # noqa: PTH120 - a text


def _for_step(frame: FrameType | None) -> bool:
    """Return whether nothing but such code acts, and for a step: what it has left is collected at any moment."""
    while frame is not None and _between(frame):
        if frame.f_code is reentry.acting_for.__code__:
            return True
        frame = frame.f_back
    return False


def libraries(frame: FrameType | None) -> Iterator[str]:
    """Return which libraries the step's code has called, each by the beginning of its name, as its folders bear it."""
    while frame is not None and not reentry.of_step(frame.f_code):
        _, site, path = frame.f_code.co_filename.rpartition(f"-packages{os.sep}")
        if site:
            yield re.split(r"[\W_]", path.lower().lstrip("_"))[0]
        frame = frame.f_back


def libraries_name(file: str) -> bool:
    """Return whether code in a file of this name would count as a library's, or as the standard library's."""
    return file.startswith((*STDLIB, "<frozen ")) or any(site in file for site in SITES)


def in_stdlib(frame: FrameType) -> bool:
    """Return whether code is the standard library's."""
    file = file_of(frame.f_code)
    return file.startswith(STDLIB) and not any(site in file for site in SITES)


def by_us(frame: FrameType) -> bool:
    """Return whether it is this package that acts; not by a device, which the code of the step has called itself."""
    file = caller(frame)
    device = file.startswith(_OTHERS) and not file.startswith(_DEVICE)
    return (
        file.startswith(_OWN)
        and not _for_step(frame)
        and not (file.startswith(_LOOKING) and not file.startswith(_ACTING))
        and not device
        and not _lent(frame)
    )


def _lent(frame: FrameType | None) -> bool:
    """Return whether code of a step has called code of these rooms, which acts for it then."""
    entered = ""
    while frame is not None and (file := file_of(frame.f_code)) != STEP:
        if file.startswith(ROOT):
            entered = file
        elif not libraries_name(file):  # somebody else's code has called it
            return False
        frame = frame.f_back
    return frame is not None and entered.startswith(_OWN) and not entered.startswith((*_BETWEEN, _OTHERS))


def by_look(frame: FrameType | None) -> bool:
    """Return whether an object acts that is only looked at, by no code of its own: a property, a formatter."""
    while frame is not None and file_of(frame.f_code) in (unheard.__file__, natives.__file__):
        frame = frame.f_back  # it tells of what is called there
    at = frame
    while at is not None and in_stdlib(at):
        at = at.f_back
    if at is not None and (file_of(at.f_code).endswith(_SHOWING) or _finds(at.f_code)):
        return True
    while frame is not None and not (file := file_of(frame.f_code)).startswith(ROOT):
        if not file.startswith((*STDLIB, "<frozen")) and not any(site in file for site in SITES):
            return False
        frame = frame.f_back
    return frame is not None and file.startswith(_LOOKING) and not file.startswith(_ACTING)


def importing(frame: FrameType | None) -> bool:
    """Return whether a library acts of itself, while it is imported."""
    while frame is not None and not reentry.of_step(frame.f_code):
        if frame.f_code.co_name == "<module>" and any(site in frame.f_code.co_filename for site in SITES):
            return True
        frame = frame.f_back
    return False


def _finds(code: CodeType) -> bool:
    """Return whether code of the import system asks a finder, which somebody has put there."""
    return file_of(code).startswith("<frozen importlib") and code.co_name in _FINDERS


def by_library(frame: FrameType) -> bool:
    """Return whether it is a library that acts."""
    return any(site in caller(frame) for site in SITES)


def names_folder(frame: FrameType) -> bool:
    """Return whether code opens files in a folder that it gives by its descriptor, which the event does not say."""
    return any("dir_fd" in names for names in frame.f_code.co_consts if isinstance(names, tuple))
