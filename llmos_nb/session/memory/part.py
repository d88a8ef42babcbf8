"""The long-term memory as a part of a session: what people and steps keep, and what `recall` finds of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import pid_of
from llmos_nb.messages import ToolResult
from llmos_nb.policy import UNTRUSTED, labels
from llmos_nb.process import Run
from llmos_nb.process.state import excerpt
from llmos_nb.session.memory.store import Memory, Remembered
from llmos_nb.session.parts import Part
from llmos_nb.session.protocols import ProcessLike
from llmos_nb.tools import current_call

if TYPE_CHECKING:
    from llmos_nb.session.config import Settings

SHOWN = 600  # characters of one memory


class LongTermMemory(Part):
    """What is remembered over the runs of a session's home."""

    @property
    def store(self) -> Memory:
        """The memory of the home."""
        return Memory(self.session.home)

    def begun(self, run: Run, settings: Settings) -> Mapping[str, Any]:
        """Say whether there is anything that the process may recall."""
        # where it was loaded or forked, its first event has said so
        return {} if run.state.n >= 0 else {"remembers": Memory.beside(run.journal.path).any}

    def remember(self, text: str = "", source: ProcessLike | None = None) -> str:
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
            return self.store.remember(text, label=label, by="a step" if inside else "you")
        if not (text or source.answer):
            raise UsageError(f"remember: process {source.pid} has no answer; write what, in quotes")
        s, folder = source.run.state, source.journal.path.parent.name
        label, by = labels.context(s.labels), f"process {s.pid}"
        return self.store.remember(text or source.answer or "", label=label, run=folder, n=s.n, by=by)

    async def recalled(self, run: Run, query: str, found: ToolResult | None) -> ToolResult:
        """Return what is remembered beside what the process itself had."""
        own = run.journal.path.parent.name
        remembered = await asyncio.to_thread(self.store.recall, query, everywhere=True, without=own)
        return _joined(found, remembered, query)


def _joined(found: ToolResult | None, remembered: list[Remembered], query: str) -> ToolResult:
    """Join what the process itself had with what is remembered; the labels join too."""
    texts = [found.text] if found else []
    texts += [f"{r.origin}: {excerpt(r.text, query, SHOWN)}" for r in remembered]
    own = found.facts if found else {}
    label = labels.parse(str(own.get("label", ""))).join(*(labels.parse(r.label) for r in remembered))
    whose = [r.id or f"process {pid_of(r.run)}" for r in remembered if labels.parse(r.label) != labels.TRUSTED]
    why = f"it recalled {whose[0]}" if whose else str(own.get("why", ""))
    facts = {"label": str(label), "why": why} if label != labels.TRUSTED else {}
    text = "\n\n".join(texts) or f"nothing fits {query!r:.60}, here or in former runs"
    return ToolResult(True, text, facts=facts)
