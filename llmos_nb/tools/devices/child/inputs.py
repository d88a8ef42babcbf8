"""What a child gets of its parent's variables: copies, or why not."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any

from llmos_nb.policy.secrets import secret_name
from llmos_nb.tools.devices.child.worker import Frame

MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class Input:
    """A variable for a child: a frame with its bytes, or why it cannot be copied."""

    name: str
    frame: Frame
    raw: bytes = b""
    why: str = ""


def as_input(name: str, value: Any) -> Input:
    """Copy one variable, or say why not."""
    frame: Frame = {"put": name}
    if secret_name(name):
        return Input(name, frame, why="its name looks like a secret")
    if type(value).__name__ == "module":
        return Input(name, {**frame, "module": value.__name__})
    try:
        raw = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # whatever somebody's class does
        return Input(name, frame, why=f"{type(value).__name__}: {type(error).__name__}: {error}"[:120])
    if len(raw) > MOST_BYTES:
        return Input(name, frame, why=f"{len(raw):,} bytes are more than are copied")
    return Input(name, frame, raw)
