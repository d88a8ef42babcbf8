"""The process in which tests run: it shuts itself in, unpacks the files that it is given, and runs pytest over them.

Standard input is one file: first what is to be unpacked, in the end the report of the tests. That also works where
nothing of this process's own folder can be seen from outside.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import IO, Any

from llmos_nb.tools.devices.child.sandbox import filesystem, sandbox

UNHELD = 78  # exit code: a protection does not hold here, and nothing was run
WANTED = ("network", "files", "processes", "signals", "calls", "rights")
_REPORT = "report.xml"


def main() -> None:
    """Do what the first argument says, in JSON."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    given = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    folder, root = Path(asked["folder"]), Path(asked["root"])
    source = os.fdopen(os.dup(given), "rb")
    head = json.loads(source.readline() or "{}")
    linked = tuple(head.get("linked", ()))
    if asked["jail"]:
        _shut(asked, linked, given)
    else:
        filesystem.furnish(folder, linked, root.parent)
    sys.path[:] = asked["path"]  # now that what is found there is held
    if not asked["words"]:
        return
    place = folder / root.name
    place.mkdir(exist_ok=True)
    os.chdir(place)
    with source:
        unpack(source, head["copied"], place)
    os.lseek(given, 0, os.SEEK_SET)
    os.ftruncate(given, 0)
    os.environ["PYTHONPATH"] = os.pathsep.join(asked["path"])
    code = _tested([*asked["words"], f"--junitxml={folder / _REPORT}"])
    if (report := folder / _REPORT).exists():
        with os.fdopen(given, "wb") as file:
            file.write(report.read_bytes())
    sys.exit(code)


def _shut(asked: dict[str, Any], linked: tuple[str, ...], given: int) -> None:
    """Hold this process to the jail, or end it with what does not hold."""
    jail = sandbox.Jail(asked["folder"], str(Path(asked["root"]).parent), linked, path=tuple(asked["path"]))
    found, _ = jail.close((given,), asked["parent"])
    if missing := [p.how for p in found if p.name in WANTED and not p.holds]:
        print("; ".join(missing))
        sys.exit(UNHELD)


def unpack(source: IO[bytes], copied: list[Any], place: Path) -> None:
    """Write files as they follow each other: the name, mode and size of each are given."""
    for name, mode, size in copied:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, mode | 0o200), "wb") as file:
            file.write(source.read(size))


def _tested(words: list[str]) -> Any:
    """Run pytest as ``python -m pytest`` would, in this process: where no other may be started, too."""
    for name in [n for n in sys.modules if n.partition(".")[0] == "llmos_nb"]:
        del sys.modules[name]  # what is tested may be another version of it
    sys.path_importer_cache.clear()  # it holds that the copy's folders are not there
    sys.argv = ["pytest", *words]
    sys.path.insert(0, str(Path.cwd()))
    try:
        runpy.run_module("pytest", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code
    return 0


if __name__ == "__main__":
    main()
