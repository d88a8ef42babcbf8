"""What the journal has of a call's outputs, as outputs of a cell."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from llmos_nb.export.cells import KEPT, plain_output, text_of, tidy
from llmos_nb.export.magics import readings
from llmos_nb.export.source import NOT_KEPT, ExportSource, latest, ran_again
from llmos_nb.export.steps import Unit
from llmos_nb.journal import Blobs
from llmos_nb.journal.events import CellRan, SignalReceived
from llmos_nb.tools import Call

Outputs = list[dict[str, Any]]
READ = "what the model read of it"
IN_ANOTHER_FORM = "that is another text than the cell shows, as of more rows; the journal has it"
_WORD = re.compile(r"\w+")
_EXACT = ("stdout", "stderr", "value", "display", "image", "told")


def recorded(call: Call, run: ExportSource) -> tuple[Outputs, str]:
    """Return what a call showed, and why that is not all, or not as a cell shows it; empty where it is."""
    if call.name != "python" and not call.facts.get("outputs"):
        return [], ""
    if ran_again(call):
        return [], "" if latest(call).facts["outputs"] == [] else NOT_KEPT
    kinds = call.facts.get("outputs")
    if not isinstance(kinds, list) or any(k[0] not in _EXACT for k in kinds):
        old = "outputs" not in call.facts
        return _as_text(call, run), "" if old and not call.size else _why(call, run, old)
    text, at, found, images = call.result if call.size else "", 0, Outputs(), iter(call.images)
    if len(text.encode()) != call.size:
        return _pictures(call, run), _why(call, run, False)
    for kind, chars, *own in kinds or [["stdout", len(text)]]:
        part, at = tidy(text[at : at + chars]), at + chars
        part = readings(call.code, part)[0] if kind == "stdout" else part
        if kind in ("stdout", "stderr") and part.strip():
            part = part if part.endswith("\n") or at < len(text) else f"{part}\n"
            found.append({"output_type": "stream", "name": kind, "text": part})
        elif kind in ("value", "display"):
            said = {"text/plain": str(own[0]) if own else part.removesuffix("\n")}
            value = kind == "value" or call.name != "python"
            made = {"output_type": "execute_result" if value else "display_data", "data": said, "metadata": {}}
            found.append({**made, "execution_count": None} if value else made)
        elif kind == "image":
            found += _picture(next(images, {}), run)
    lost = len(call.images) - sum(any(m in o.get("data", {}) for m in KEPT) for o in found)
    return found, f"{lost} of its pictures are not kept" if lost else ""


def read_otherwise(call: Call) -> bool:
    """Return whether the model read a value in other words than its cell shows; frames do not count.

    Of what other tools showed, the code of the cell says what it shows of it.
    """
    at = 0
    for _, chars, *own in (call.name == "python" and call.facts.get("outputs")) or ():
        part, at = call.result[at : at + chars], at + chars
        if own and chars and Counter(_WORD.findall(part)) != Counter(_WORD.findall(str(own[0]))):
            return True
    return False


def of_the_clock(call: Call) -> list[str]:
    """Return the lines in which a magic told the time that something took, which no other run repeats."""
    return readings(call.code, call.result)[1] if call.name == "python" else []


def _why(call: Call, run: ExportSource, old: bool) -> str:
    """Say why outputs are not those of a cell."""
    forgotten = (e.body for e in run.events if isinstance(e.body, SignalReceived) and e.body.signal == "forget")
    who = next((b.by.name or "you" for b in forgotten if b.call in (call.id, "all")), "")
    if who and len(call.result.encode()) < call.size:
        return f"it was forgotten, by {who}"
    return "it is kept as one text" if old else f"it is not kept whole ({call.size:,} bytes)"


def _as_text(call: Call, run: ExportSource) -> Outputs:
    """Return text and pictures of a call of which nothing more is known."""
    whole = 0 < call.size <= len(call.result.encode()) + 1 and "bytes left out …" not in call.result
    text = f"{tidy(call.result).rstrip()}\n" if whole and call.result.strip() else ""
    stream: Outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
    return stream + _pictures(call, run)


def _pictures(call: Call, run: ExportSource) -> Outputs:
    return [one for image in call.images for one in _picture(image, run)]


def _picture(image: dict[str, Any], run: ExportSource) -> Outputs:
    data, mime = _bytes(image, run), image.get("mime")
    if data is None or mime not in KEPT:
        return []
    said = {"text/plain": str(image.get("text") or "an image"), mime: base64.b64encode(data).decode()}
    return [{"output_type": "display_data", "data": said, "metadata": {}}]


def _bytes(image: dict[str, Any], run: ExportSource) -> bytes | None:
    if "data" in image:
        return bytes.fromhex(image["data"])
    return Blobs(run.blobs).intact(image) if run.blobs is not None and "blob" in image else None


def saved(place: int, cell: Mapping[str, Any]) -> CellRan:
    """Return a cell of a saved notebook, with its outputs, as one that was recorded."""
    found = []
    for output in cell["outputs"]:
        plain, text = plain_output(output), {}
        if plain is not None and not any(m in plain.get("data", {}) for m in KEPT):
            text = {"text": text_of(plain.get("text", plain.get("data", {}).get("text/plain", "")))}
        found.append({"type": output["output_type"], "name": output.get("name", ""), **text})
    raised = any(o["output_type"] == "error" for o in cell["outputs"])
    return CellRan(place=place, source=text_of(cell["source"]), outputs=found, ok=not raised)


def of_user(unit: Unit, runs: Sequence[ExportSource]) -> tuple[Outputs, bool]:
    """Return what a cell of the user's showed, and whether that is all of it.

    Where only a part of the cell stands in the notebook, nobody knows what that part showed.
    """
    ran = next((run.cells[unit.order[0]] for run in runs if unit.order[0] in run.cells), None)
    if unit.role != "user" or unit.problem or ran is None or ran.before or not ran.ok:
        return [], False
    if unit.source.strip() != ran.source.strip():
        return [], False
    found = [plain for output in ran.outputs if (plain := _of_cell(output)) is not None]
    return found, bool(found) and len(found) == len(ran.outputs)


def _of_cell(output: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an output of a recorded cell; None where its text is not kept."""
    if "text" not in output:
        return None
    if output["type"] == "stream":
        return {"output_type": "stream", "name": output.get("name") or "stdout", "text": tidy(output["text"])}
    made = {"output_type": output["type"], "data": {"text/plain": output["text"]}, "metadata": {}}
    return {**made, "execution_count": None} if output["type"] == "execute_result" else made
