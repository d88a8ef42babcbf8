"""The Python device: runs code in the user's own namespace and tells what came of it.

What it runs has the user's authority (law 10). IPython's own way to run a cell is not used: nested, it fires half of
its events, writes ``_`` and ``Out``, and shows errors as errors of the cell that is running.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any

from llmos_nb.errors import CallDenied, EffectRefused, JournalError, ToolTimeout
from llmos_nb.heap import random_states
from llmos_nb.messages import Part, ToolResult
from llmos_nb.policy.code import code_names, inspect_code, plain
from llmos_nb.tools import naming, reads, trampolines
from llmos_nb.tools.call import NAME_CHANGES
from llmos_nb.tools.devices.python.capture import Bundle, Sink, captured
from llmos_nb.tools.devices.python.display import Figures, brief, rich, whole
from llmos_nb.tools.devices.python.execute import Chunk, Runner, compile_step, filename_of, look_around
from llmos_nb.tools.devices.python.guard import Begun, heard_late
from llmos_nb.tools.devices.python.shown import DEFINITIONS, in_a_cell, left, pieces
from llmos_nb.tools.devices.python.tracebacks import explain, failing_line, keep_for_debug
from llmos_nb.tools.effects import Watch, watching
from llmos_nb.tools.outcome import Outcome, Stopped
from llmos_nb.tools.protocol import CallContext, Tool, current_call
from llmos_nb.tools.reentry import mark, of_step
from llmos_nb.tools.unheard import steering

DESCRIPTION = (
    "Run Python in the live session, where the user's variables are. Gives what it prints and the value of its last"
    " line. What the answer will quote, assign to names, do not only print. Top-level await, magics and !commands work;"
    " input() does not."
)
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"code": {"type": "string", "description": "Python code"}},
    "required": ["code"],
    "additionalProperties": False,
}
_IMAGES = ("image/png", "image/jpeg")


@dataclass(eq=False)
class PythonDevice:
    """Runs a process's Python steps.

    Parameters
    ----------
    namespace : dict
        The live names; IPython's ``user_ns``, or any dict.
    ip : InteractiveShell, optional
        IPython's; without it, magics and rich displays are not known.
    snapshots : Snapshots, optional
        Notes what each step changes, for undo.
    show_values : bool
        For small models: show every top-level expression and every assigned name, in few digits and rows.
    on_display : callable, optional
        Takes what a step displays that is more than text, by media type. Without it a kernel's user sees the images;
        HTML and scripts are never put on the page by this device (law 5).
    takes_back : bool
        Whether a step that fails is taken back; not in a preview, which shows what would come before a refusal.
    """

    namespace: dict[str, Any]
    ip: Any = None
    _: KW_ONLY
    snapshots: Any = None
    show_values: bool = False
    on_display: Callable[[Bundle], None] | None = None
    takes_back: bool = True

    @property
    def tool(self) -> Tool:
        """The tool ``python(code)``."""
        return Tool(
            "python", DESCRIPTION, SCHEMA, self.run, "namespace", "once", digest="python:1",
            runner=lambda arguments, context: self.run(str(arguments["code"]), context),
            code=lambda arguments: str(arguments["code"]), inspect=self.inspect, gated=True,
        )  # fmt: skip

    def inspect(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Say what this code would do, as plain data for the policy and the panel."""
        code = str(arguments["code"])
        found = plain(inspect_code(code, look_around(self.namespace, code_names(code))))
        return {**found, "absent": [name for name in found["reads"] if name not in self.namespace]}

    async def run(self, code: str, context: CallContext) -> ToolResult:
        """Run code in the namespace.

        Parameters
        ----------
        code : str
            Python, as it may stand in a cell.
        context : CallContext
            The call that it serves.

        Returns
        -------
        ToolResult
            Its output, images and changes; or its error, as the model is to read it, and nothing stays changed.

        Raises
        ------
        Stopped
            The user stopped it; what it had changed was taken back.
        """
        names = code_names(code)
        before = self.snapshots.begin(names) if self.snapshots is not None else None
        token = current_call.set(context)
        try:
            with (
                Begun(context.key),
                captured(context.on_output, self._display(context), self.ip) as sink,
                watching(context) as watch,
                reads.reading(context, partial(watch.note, "changed")) as read,
                context.within(),
                naming.defining(self.namespace, of_step, lambda: context.exposed() or bool(watch.took), self.ip),
            ):
                watch.holds(self.snapshots.handles(before, names) if self.snapshots and before else ())
                outcome = await (step := Step(self, sink, context.deadline_s, watch)).run(code, context.call)
        except (Stopped, asyncio.CancelledError):
            if before is not None:
                self._rollback(before)
            raise
        finally:
            current_call.reset(token)
        changes = back = None
        if before is not None and outcome.error is not None and outcome.ended and self.takes_back:
            back = self._rollback(before)  # whole, or nothing
        elif before is not None:
            changes = self.snapshots.end(before, context.key)
        found = step.result(outcome, changes, back)
        if outcome.error is None:
            found.facts.update(step.leaves(changes))
        noted = _surroundings(code, read, before, changes) | _took(read, watch)
        return replace(found, facts={**found.facts, "effects": watch.effects, **noted})

    def _rollback(self, before: Any) -> Any:
        """Take back what a step has changed; the code of tools that others hold is not its change."""
        assert self.snapshots is not None  # noqa: S101 - there is something before
        try:
            return self.snapshots.rollback(before)
        finally:
            trampolines.renew()

    def _display(self, context: CallContext) -> Callable[[Bundle], None]:
        return self.on_display or (self._show_images if context.pictures else lambda bundle: None)

    def _show_images(self, bundle: Bundle) -> None:
        safe = {m: bundle[m] for m in (*_IMAGES, "text/plain") if m in bundle}
        if hasattr(self.ip, "kernel") and safe.keys() & set(_IMAGES):
            self.ip.display_pub.publish(safe)


def _with_refusal(outcome: Outcome, watch: Watch) -> Outcome:
    """Return the outcome of a step that failed if an effect was refused: a library, or its code, may hide the error."""
    refused, error = watch.refused, outcome.error
    if refused is None or isinstance(error, EffectRefused):
        return outcome
    return replace(outcome, error=refused.with_traceback(error.__traceback__) if error is not None else refused)


def _surroundings(code: str, read: reads.Reads, before: Any, changes: Any) -> dict[str, Any]:
    """Return what a step read outside the namespace, and the random states that it began with, where it drew."""
    found: dict[str, Any] = {}
    outside = read.plain()
    if named := reads.environ_named(code):
        outside["environ"] = named
    if outside:
        found["outside"] = outside
    if changes and changes.get("random") and (states := random_states.drawn(before.around.random)):
        found["random"] = states
    return found


def _took(read: reads.Reads, watch: Watch) -> dict[str, Any]:
    """Return in which lines of a step what came from outside."""
    took = [*read.took, *((line, "network") for line in watch.took)]
    return {"took": [[*one] for one in took]} if took else {}


def _transformers(ip: Any) -> list[list[Any]]:
    manager = getattr(ip, "input_transformer_manager", None)
    inner = ("cleanup_transforms", "line_transforms", "token_transformers")
    found = [getattr(manager, name, None) for name in inner]
    found += [getattr(ip, name, None) for name in ("input_transformers_post", "ast_transformers")]
    return [each if isinstance(each, list) else [] for each in found]


class Step:
    """One run of some code."""

    def __init__(self, device: PythonDevice, sink: Sink, deadline_s: float, watch: Watch) -> None:
        self._device, self._sink, self._watch = device, sink, watch
        self._runner = Runner(device.namespace, deadline_s, device.ip)
        self._figures, self._filename, self._parts = Figures(), "", list[Part]()
        self._value: Any = None  # of the last expression, where a cell shows it
        self._plain = list[str | None]()  # as a cell shows what was shown; None of a picture
        self._quiet, self._told = False, ""
        sink.describe = self._figures.words

    async def run(self, code: str, name: str) -> Outcome:
        """Run code; of an error is told what the names were when it was raised, not after they were put back."""
        before, steered = self._transformers(), steering()
        outcome = await self._run(code, name)
        if self._transformers() != before and outcome.ended:
            self._runner.call(lambda: self._reads_cells(before))
        if (now := steering()) != steered:
            self._runner.call(lambda: self._steers(steered, now))
        outcome = _with_refusal(outcome, self._watch)
        if outcome.error is not None:
            self._told = explain(outcome.error, self._filename, not self._device.show_values)
        return outcome

    def _transformers(self) -> list[list[Any]]:
        """Return what changes the user's cells before they run: code that is added there is no step's any more."""
        return [list(found) for found in _transformers(self._device.ip)]

    def _reads_cells(self, before: list[list[Any]]) -> None:
        try:
            self._watch.note("other", "change how later cells are read")
        except (CallDenied, JournalError):
            for found, was in zip(_transformers(self._device.ip), before, strict=True):
                found[:] = was
            raise

    def _steers(self, before: dict[str, str], now: dict[str, str]) -> None:
        """Put back what a step has set past `os.putenv`, and may not set."""
        for name in [n for n in before.keys() | now.keys() if before.get(n) != now.get(n)]:
            try:
                self._watch.note("environment", name)
            except (CallDenied, JournalError):
                os.environ.pop(name, None)
                os.environ |= {name: before[name]} if name in before else {}
                raise

    async def _run(self, code: str, name: str) -> Outcome:
        """Compile, run part by part, and show the values."""
        outcome = self._runner.call(lambda: self._compile(code, name))
        if outcome.error is not None:
            return outcome
        for chunk in outcome.value:
            outcome = await self._runner.run(chunk.code)
            if outcome.error is None:
                outcome = self._runner.call(lambda: self._show(chunk, outcome.value))  # noqa: B023 - called at once
            if outcome.error is not None:
                break
        drawn = self._runner.call(self._draw) if outcome.ended else outcome
        return outcome if outcome.error is not None else drawn

    def _compile(self, code: str, name: str) -> list[Chunk]:
        ip = self._device.ip
        self._filename = f"<step {name}>"
        source = str(ip.transform_cell(code)) if ip is not None else code  # magics and !commands become Python
        self._filename = filename_of(source, code, name, ip)
        chunks = compile_step(source, self._filename, ip, self._device.show_values)
        for chunk in chunks:
            mark(chunk.code)
        return chunks

    def _show(self, chunk: Chunk, value: Any) -> None:
        """Show what the part is to show; a part of a figure says nothing that the figure does not."""
        shows = chunk.shows and value is not None and not (self._figures.new() and _is_artist(value))
        if chunk.last:
            self._value, self._quiet = value if shows else None, value is not None and not shows
        if shows:
            if chunk.last or not self._device.show_values:
                self._plain.append(in_a_cell(value, self._device.ip))
            pictures = len(self._sink.images)
            for item in value if self._device.show_values and type(value) is tuple else (value,):
                self._show_value(item)
            if len(self._sink.images) > pictures and self._plain:  # a cell shows it as that, with no text besides
                self._plain[-1] = None
        namespace = self._runner.namespace
        for name in chunk.names:
            if name in namespace and not isinstance(namespace[name], DEFINITIONS):
                self._sink.write(_named(name, brief(namespace[name])), "told")
        for table, column in chunk.columns:
            values = namespace[table][column] if table in namespace else None
            if hasattr(values, "head"):
                self._sink.write(_named(f"{table}[{column!r}]", brief(values, rows=3)), "told")

    def _show_value(self, value: Any) -> None:
        text = brief(value) if self._device.show_values else whole(value)
        kind = "told" if self._device.show_values else "value"
        if forms := rich(value, self._device.ip):
            self._sink.display({"text/plain": text, **forms}, kind=kind)
        else:
            self._sink.write(text + "\n", kind)

    def _draw(self) -> None:
        for part in self._figures.take():
            self._sink.display({"text/plain": part.text, part.mime: part.data})

    def result(
        self, outcome: Outcome, changes: dict[str, Any] | None, back: dict[str, Any] | None = None
    ) -> ToolResult:
        """Say what came of it; of a step that failed, what was taken back, too."""
        record, facts, error = self._sink.record, dict[str, Any](), outcome.error
        if error is not None:
            if not isinstance(error, ToolTimeout):
                keep_for_debug(error, self._filename, self._device.ip)
            record.add(("\n" if record.size else "") + self._told)
            line = failing_line(error, self._filename)
            facts |= {"line": line} if line else {}
            facts |= {} if outcome.ended else {"in_doubt": True}
            if back is not None:
                record.add(_taken_back(back))
                facts |= {"stays": stays} if (stays := _stays(back)) else {}
        kind = type(error).__name__ if error is not None else ""
        text = record.text.removesuffix("\n") if record.size else _silent(changes)
        whole = record.size and record.whole  # the end of the last line is not kept, nor are colours
        facts["size"] = len(text.encode()) if whole else record.size
        return ToolResult(error is None, text, kind, tuple(self._sink.images), changes, facts)

    def leaves(self, changes: dict[str, Any] | None) -> dict[str, Any]:
        """Say what a cell of the same code would show, and what the names and its value are, for the export."""
        record = self._sink.record
        text = record.text.removesuffix("\n") if record.size else ""
        facts = pieces(self._sink, text, self._plain) | ({"quiet": True} if self._quiet else {})
        names = [n for kind in NAME_CHANGES[:3] for n in (changes or {}).get(kind, ())]
        gone = {n: s.pop("gone") for n, s in (changes or {}).get("shapes", {}).items() if "gone" in s}
        try:
            told = self._runner.call(lambda: left(self._runner.namespace, names, self._value, gone))
        except Stopped as stop:
            heard_late(stop.by)
            return facts
        return facts | (told.value if told.error is None else {})


def _named(name: str, text: str) -> str:
    return f"{name} =\n{text}\n" if "\n" in text else f"{name} = {text}\n"


def _is_artist(value: Any) -> bool:
    items = value if isinstance(value, list | tuple) else (value,)
    homes = {type(i).__module__.partition(".")[0] for i in items}
    return bool(homes) and homes <= {"matplotlib", "mpl_toolkits"}


def _taken_back(back: Mapping[str, Any]) -> str:
    """Say what a step had changed before it failed: the next one finds nothing of it."""
    said = _named_changes(back)
    told = f"what it had changed was taken back: {said}" if said else ""
    stays = f"not taken back, if it was changed: {', '.join(_stays(back))}" if _stays(back) else ""
    return f"\n[the step failed, and {'; '.join(filter(None, (told, stays)))}]" if told or stays else ""


def _stays(back: Mapping[str, Any]) -> list[str]:
    """Return what could not be put back, or not be looked at."""
    return [*back.get("lost", ()), *back.get("opaque", ())]


def _silent(changes: dict[str, Any] | None) -> str:
    """Say in words that a step printed nothing, and which names it changed."""
    said = _named_changes(changes or {})
    return f"no output; {said}" if said else "no output"


def _named_changes(changes: Mapping[str, Any]) -> str:
    return "; ".join(f"{kind} {', '.join(names)}" for kind in NAME_CHANGES if (names := changes.get(kind)))
