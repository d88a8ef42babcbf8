"""A kernel that is forked from a process which has imported what every kernel imports, and is real from then on.

A fresh interpreter takes most of a second of a core until its first goal, and the tests start some hundred notebooks.
The kernels of the front ends, of nbclient, of nbconvert and of `verify` are fresh interpreters.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import LocalProvisioner

SERVER = Path(__file__).with_name("forked_starts.py")
AHEAD = [sys.executable, "-m", "ipykernel_launcher"]
NUMBER = 12  # bytes in which the server writes one


class Fork:
    """A forked interpreter, as `subprocess.Popen` would have it."""

    stdin = stdout = stderr = None

    def __init__(self, words, env, cwd):
        self._told, theirs = os.pipe()
        asked = json.dumps({"words": words, "env": env, "cwd": cwd}).encode()
        socket.send_fds(_server(), [asked], [1, 2, theirs])
        os.close(theirs)
        self.pid, self.returncode = int(os.read(self._told, NUMBER)), None

    def poll(self):
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self._end()
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("fork", timeout)
            self._end()
        return self.returncode

    def _end(self):
        self.returncode = int(os.read(self._told, NUMBER))
        os.close(self._told)

    def send_signal(self, number):
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


class Provisioner(LocalProvisioner):
    """Forks where the kernel's own `LocalProvisioner` starts an interpreter; kills and interrupts are the same."""

    async def launch_kernel(self, cmd, **given):
        head, words = cmd[: len(AHEAD)], cmd[len(AHEAD) :]
        other = head != AHEAD or _python(given["env"]) != _python(os.environ)
        if other or not hasattr(os, "pidfd_open"):  # which Linux alone has
            return await super().launch_kernel(cmd, **given)
        self.cwd = given["cwd"]
        self.process = Fork(words, given["env"], self.cwd)
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class Manager(KernelManager):
    """Starts kernels by forking."""

    def __init__(self, **given):
        super().__init__(**given)
        self.kernel_id = str(uuid4())
        self.provisioner = Provisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)


def _python(env):
    """Return what an interpreter looks at before its first line."""
    return {name: value for name, value in env.items() if name.startswith("PYTHON")}


@cache
def _server():
    """Return the socket on which one server for this process is asked; it ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = subprocess.Popen([sys.executable, SERVER], stdin=theirs)
    theirs.close()
    atexit.register(_end, ours, program, os.getpid())
    return ours


def _end(ours, program, owner):
    if os.getpid() == owner:  # and no fork of a test
        ours.shutdown(socket.SHUT_RDWR)
        program.wait()
        ours.close()
