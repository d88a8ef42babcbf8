"""What a step showed in the run, as outputs of its cell: text and pictures, no markup and no script."""

from __future__ import annotations

import base64
import re
from typing import Any

from llmos_nb.blobs import Blobs
from llmos_nb.notebook.source import ExportSource
from llmos_nb.state import Call

KEPT = ("image/png", "image/jpeg")
LOOSE = "nbval-ignore-output"  # for outputs that a second run need not repeat
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_RETURNS = re.compile(r"[^\n]*\r(?!\n)")


def tidy(text: str) -> str:
    """Give text as it stood on the screen in the end: without colours, and lines that were overwritten."""
    return _RETURNS.sub("", _COLOURS.sub("", text.replace("\r\n", "\n")))


def recorded(call: Call, run: ExportSource) -> list[dict[str, Any]]:
    """Give what the journal has of a call's outputs."""
    found: list[dict[str, Any]] = []
    whole = 0 < call.size <= len(call.result.encode())
    if call.name == "python" and call.result.strip() and whole:
        found.append({"output_type": "stream", "name": "stdout", "text": f"{tidy(call.result).rstrip()}\n"})
    for image in call.images:
        data = _bytes(image, run)
        if data is not None and image.get("mime") in KEPT:
            said = {
                "text/plain": str(image.get("text") or "an image"),
                image["mime"]: base64.b64encode(data).decode(),
            }
            found.append({"output_type": "display_data", "data": said, "metadata": {}})
    return found


def _bytes(image: dict[str, Any], run: ExportSource) -> bytes | None:
    if "data" in image:
        return bytes.fromhex(image["data"])
    return Blobs(run.blobs).get(image) if run.blobs is not None and "blob" in image else None


def plain_output(output: Any) -> dict[str, Any] | None:
    """Give an output that a kernel sent as plain text and pictures; None for what only a browser shows."""
    kind = output["output_type"]
    if kind == "stream":
        return {"output_type": kind, "name": output["name"], "text": tidy(output["text"])}
    if kind == "error":
        return {"output_type": kind, "ename": output["ename"], "evalue": output["evalue"], "traceback": []}
    data = {k: v for k, v in output["data"].items() if k == "text/plain" or k in KEPT}
    if not data:
        return None
    made = {"output_type": kind, "data": data, "metadata": {}}
    return {**made, "execution_count": output.get("execution_count")} if kind == "execute_result" else made
