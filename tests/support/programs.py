"""The `llmos` command as a process of its own, forked from one that has imported the package already.

What a fresh interpreter imports costs half a second of a core, and the tests run the command some hundred times. A
service, an export and a question in a terminal are started as ``python -m``, too.
"""

import atexit
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "llmos_nb.app.cli",
        "llmos_nb.app.commands.home",
        "llmos_nb.app.commands.trust",
        "llmos_nb.app.listing",
        "llmos_nb.session.batch.worker",
        "llmos_nb.session.commands.carry",
        "llmos_nb.session.service.service",
        "llmos_nb.session.session",
    ]
)


class Program:
    """The command at work, as `subprocess.Popen` would have it; the files are what it reads and writes.

    A service may be given a `clock`: a file in which a test writes the time, in seconds since 1970.
    """

    def __init__(self, *words, cwd=None, stdin=os.devnull, stdout=os.devnull, stderr=os.devnull, clock=None):
        files = [os.path.realpath(f) for f in (stdin, stdout, stderr)]
        self._process = _context.Process(
            target=_run, args=(words, str(cwd or Path.cwd()), dict(os.environ), files, clock)
        )
        self._process.start()

    @property
    def pid(self):
        return self._process.pid

    def poll(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("llmos", timeout)
        return self._process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run_llmos(*words, said="", cwd=None):
    """Run the command to its end; return its exit code, and what it printed on either channel."""
    with TemporaryDirectory(prefix="llmos-") as folder:
        files = [Path(folder, name) for name in ("in", "out", "err")]
        files[0].write_text(said, encoding="utf-8")
        code = Program(*words, cwd=cwd, stdin=files[0], stdout=files[1], stderr=files[2]).wait(300)
        return code, files[1].read_text("utf-8"), files[2].read_text("utf-8")


def run_python(code, cwd):
    """Run what `python -W error -c` would; return its exit code, and what it wrote to its standard error."""
    with TemporaryDirectory(prefix="llmos-") as folder:
        files = [os.devnull, os.devnull, str(Path(folder, "err"))]
        process = _context.Process(target=_run_python, args=(code, str(cwd), dict(os.environ), files))
        process.start()
        process.join(300)
        return process.exitcode, Path(files[2]).read_text("utf-8")


def _run_python(code, folder, environ, files):
    """Be an interpreter that runs the code as its main module."""
    _begin(folder, environ, files)
    warnings.simplefilter("error")
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(compile(code, "<string>", "exec"), vars(main))


def _run(words, folder, environ, files, clock):
    """Be the command."""
    _begin(folder, environ, files)
    sys.argv = ["llmos", *words]
    from llmos_nb.app.cli import main

    if clock is not None:
        _clocked(Path(clock))
    try:
        sys.exit(main(words))
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out


def _begin(folder, environ, files):
    """Put aside what a program inherits from the process that it was forked from."""
    os.fsync = os.fstat  # as in the tests themselves
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, name in enumerate(files):
        opened = os.open(name, os.O_RDWR | os.O_APPEND | os.O_CREAT if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)  # multiprocessing has put another there
    sys.path.insert(0, folder)  # as `-m` does


def _clocked(clock):
    """Let a service read the time from a file, and look after its goals several times a second."""
    from llmos_nb.app.commands import serve
    from llmos_nb.session.service import Service, service

    service.REST_S = service.LOOK_S = 0.1
    serve.Service = functools.partial(Service, clock=lambda: float(clock.read_text("utf-8")))
