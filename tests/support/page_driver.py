"""What a page sees of a real kernel: its panels, the clicks that are acknowledged, and what every cell says."""

import time
from collections import defaultdict
from queue import Empty

from waits import until

from llmos_nb.app.present.widget import apply


class Page:
    """A page with panels on it.

    Parameters
    ----------
    book : Notebook
        The kernel behind it.
    """

    def __init__(self, book):
        self.book, self.comm = book, ""  # the comm of the panel that was shown last
        self.heard, self.panels = {}, {}  # when each click was acknowledged, and the panel of each cell
        self.notes = []  # what panels have said in a line of their own
        self.view, self.messages = (
            {},
            [],
        )  # what the last panel shows; when each of its messages was sent, and all displays
        self.displays = defaultdict(list)  # pictures that each cell displays
        self.idle, self.errors, self.text = {}, {}, defaultdict(str)  # of each cell

    def look(self, seconds=0.05):
        """Take one message in."""
        try:
            message = self.book.client.get_iopub_msg(timeout=seconds)
        except Empty:
            return
        kind, content = message["msg_type"], message["content"]
        cell, sent = message["parent_header"].get("msg_id"), message["header"]["date"].timestamp()
        if kind == "comm_open" and "_esm" in content["data"].get("state", {}):
            self.comm = self.panels[cell] = content["comm_id"]
            self.view = content["data"]["state"]["view"]
            self.press(None, verb="sync", rev=self.view["rev"], drawn=True)  # as a page does that draws it
            self.messages.append(sent)
        elif kind == "comm_msg":
            told = content.get("data", {}).get("content", {})
            self.messages.append(sent)
            if told.get("kind") == "update" and content["comm_id"] == self.comm:
                apply(self.view, told["patch"])
            elif told.get("kind") == "heard":
                self.heard[told["seq"]] = time.monotonic()
            elif told.get("kind") == "note":
                self.notes.append(told["text"])
        elif kind in ("display_data", "update_display_data"):
            self.messages.append(sent)
            if "image/png" in content["data"]:
                self.displays[cell].append(content["data"])
        elif kind == "stream":
            self.text[cell] += content["text"]
        elif kind == "error":
            self.errors[cell] = f"{content['ename']}: {content['evalue']}"
        elif kind == "status" and content["execution_state"] == "idle":
            self.idle[cell] = time.monotonic()

    def until(self, holds, seconds=60):
        """Take messages in until something holds."""
        return until(holds, lambda: f"view {self.view}, notes {self.notes}", seconds, self.look)

    def passes(self, seconds):
        """Take messages in for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.look(left)

    def send(self, code):
        """Send a cell; what it raises does not keep those after it from running."""
        return self.book.client.execute(code, allow_stdin=self.book.stdin, stop_on_error=False)

    def begin(self, code):
        """Send a cell and wait until it has begun."""
        sent = self.send(f"print('begun', flush=True)\n{code}")
        self.until(lambda: "begun" in self.text[sent])
        return sent

    def press(self, seq, **verb):
        """Send a click as a page does."""
        data = {"method": "custom", "content": {**verb, "seq": seq}}
        message = self.book.client.session.msg("comm_msg", {"comm_id": self.comm, "data": data})
        self.book.client.shell_channel.send(message)

    def click(self, seq, **verb):
        """Send a click, wait until it is acknowledged and return the seconds that it took."""
        began = time.monotonic()
        self.press(seq, **verb)
        self.until(lambda: seq in self.heard)
        return self.heard[seq] - began
