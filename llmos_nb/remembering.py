"""What a session remembers over runs, and for whom."""

from __future__ import annotations

from abc import ABC, abstractmethod

from llmos_nb import labels
from llmos_nb.errors import UsageError
from llmos_nb.home import Home
from llmos_nb.labels import UNTRUSTED
from llmos_nb.memory import Memory, Remembered
from llmos_nb.process import Process
from llmos_nb.tools import current_call


class Remembering(ABC):
    """The long-term memory of a session's home."""

    @property
    @abstractmethod
    def home(self) -> Home:
        """Where the journals and the memory are."""

    @property
    def memory(self) -> Memory:
        """What is remembered over runs."""
        return Memory(self.home)

    def remember(self, text: str = "", source: Process | None = None) -> str:
        """Keep a text over runs and give its name, such as ``m3``.

        Parameters
        ----------
        text : str
            What to keep; by default the answer of `source`.
        source : Process, optional
            Where it comes from: it keeps the label of that process. With none it is the word of whoever calls, and
            untrusted where that is the code of a step.

        Raises
        ------
        UsageError
            There is nothing to keep, or the process had read secret data.
        """
        if source is None:
            inside = current_call.get() is not None
            label = UNTRUSTED if inside else labels.TRUSTED
            return self.memory.remember(text, label=label, by="a step" if inside else "you")
        if not (text or source.answer):
            raise UsageError(f"remember: process {source.pid} has no answer; write what, in quotes")
        s, folder = source.run.state, source.journal.path.parent.name
        label, by = labels.context(s.labels), f"process {s.pid}"
        return self.memory.remember(text or source.answer or "", label=label, run=folder, n=s.n, by=by)

    def recall(self, query: str, everywhere: bool = False, limit: int = 5) -> list[Remembered]:
        """Find what was remembered by its words; `everywhere` also what was said in former runs.

        Parameters
        ----------
        query : str
            Words; nothing in it is an operator.
        everywhere : bool
            Also search the journals of this home.
        limit : int
            How many of each kind.

        Returns
        -------
        list of Remembered
            The best first, each with its label.
        """
        return self.memory.recall(query, everywhere, limit)
