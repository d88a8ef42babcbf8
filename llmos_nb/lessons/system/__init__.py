"""The learner's own system: `mini.py`, which grows by a part a lesson, and judges that run it in a process apart."""

from __future__ import annotations

from llmos_nb.lessons.system.parts import PARTS, System, reference

__all__ = ["PARTS", "System", "reference"]
