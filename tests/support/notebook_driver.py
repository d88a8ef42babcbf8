"""A real kernel, driven by the messages that a notebook sends."""

import contextlib
import json
import queue
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from forked import Manager
from jupyter_client.manager import KernelManager
from waits import until

LONGEST_S = 120  # that a cell may take on a busy machine before it counts as hanging


@dataclass
class Ran:
    """What one cell gave."""

    status: str = ""
    error: str = ""
    text: str = ""
    html: str = ""
    seconds: float = 0.0
    messages: list = field(default_factory=list)


def reply_to(client, sent, seconds=LONGEST_S):
    """Return the reply to what was sent on the shell channel; those to others go by."""

    def reply():
        with contextlib.suppress(queue.Empty):
            message = client.get_shell_msg(timeout=0.2)
            return message if message["parent_header"].get("msg_id") == sent else None

    return until(reply, f"the reply to {sent}", seconds, rest=lambda: None)


class Notebook:
    """A kernel with the extension loaded; `stdin` is whether a person is there.

    One that is `fresh` has imported nothing that nobody asked for; in benchmarks all are.
    """

    def __init__(self, folder: Path, stdin: bool = False, extension: bool = True, fresh: bool = False):
        self.folder, self.stdin = folder, stdin
        # by sockets of the file system: another program may take a port between its choice and its use
        self.runtime = TemporaryDirectory(prefix="llmos-")  # a short path, as sockets want
        at = str(Path(self.runtime.name) / "k.json")
        manager = KernelManager if fresh or "pytest" not in sys.modules else Manager
        self.manager = manager(kernel_name="python3", transport="ipc", connection_file=at)
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        if extension:
            assert self.run("%load_ext llmos_nb").status == "ok"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.client.stop_channels()
            self.manager.shutdown_kernel(now=True)
        finally:
            self.runtime.cleanup()

    def script(self, *turns, name="script.json"):
        """Write a script beside the notebook and give its spec."""
        (self.folder / name).write_text(json.dumps({"version": 1, "turns": list(turns)}))
        return f"script:{name}"

    def send(self, code):
        """Send a cell without waiting."""
        return self.client.execute(code, allow_stdin=self.stdin, stop_on_error=True)

    def run(self, code, timeout=LONGEST_S, when=None, then=None):
        """Run a cell to its end; call `then` once `when(ran)` holds."""
        return self.collect(self.send(code), timeout, when, then)

    def collect(self, sent, timeout=LONGEST_S, when=None, then=None):
        """Collect what a cell sends until it is idle."""
        ran, began = Ran(), time.monotonic()
        while True:
            assert time.monotonic() < began + timeout, f"no end in {timeout} s; it printed {ran.text[-500:]!r}"
            if when is not None and when(ran):
                when, began = None, time.monotonic()
                then()
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != sent:
                continue
            ran.messages.append(message)
            self._take(ran, message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                break
        ran.seconds = time.monotonic() - began
        ran.status = reply_to(self.client, sent, timeout)["content"]["status"]
        return ran

    @staticmethod
    def _take(ran, message):
        content = message["content"]
        if message["msg_type"] == "stream":
            ran.text += content["text"]
        elif message["msg_type"] == "error":
            ran.error = f"{content['ename']}: {content['evalue']}"
        elif message["msg_type"] in ("execute_result", "display_data", "update_display_data"):
            ran.text += content["data"].get("text/plain", "")
            ran.html += content["data"].get("text/html", "")

    def value(self, expression):
        """Evaluate an expression in the kernel."""
        ran = self.run(f"print(repr(({expression})))")
        assert ran.status == "ok", ran.error
        return ran.text.strip()
