"""The matplotlib figures that a step made: as images, and in words for models that take none."""

from __future__ import annotations

import io
import sys
import warnings
from collections import Counter
from typing import Any

from llmos_nb.messages import Part

FIGURES = 8


class Figures:
    """Those of one step: which are new since it began."""

    def __init__(self) -> None:
        self._before = {n: id(f) for n, f in _open().items()}
        self._described: Counter[str] = Counter()

    def new(self) -> dict[int, Any]:
        """Give the figures that the step has made and not closed."""
        return {n: f for n, f in _open().items() if self._before.get(n) != id(f)}

    def words(self, plain: str) -> str:
        """Say what a displayed image shows, if it is one of the figures; ``plain`` is its repr."""
        alike = [f for f in self.new().values() if repr(f) == plain]
        seen, self._described[plain] = self._described[plain], self._described[plain] + 1
        return describe(alike[min(seen, len(alike) - 1)]) if alike else plain

    def take(self) -> list[Part]:
        """Render the new figures and close them, as the end of a cell does."""
        figures = self.new()
        parts = [Part("image", describe(f), "image/png", render(f)) for f in list(figures.values())[:FIGURES]]
        for number in figures:
            sys.modules["matplotlib.pyplot"].close(number)
        return parts


def _open() -> dict[int, Any]:
    """Give the open figures by number, without making one the current figure; none without matplotlib."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return {}
    return {n: m.canvas.figure for n, m in helpers.Gcf.figs.items()}


def render(figure: Any) -> bytes:
    """Give a figure as PNG bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():  # a missing glyph is no business of the step
        warnings.simplefilter("ignore")
        figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def describe(figure: Any) -> str:
    """Say what a figure shows: ``figure: 3 bars, x label 'city', y label 'total amount'``."""
    return "figure: " + ("; ".join(_axes(ax) for ax in figure.axes) or "empty")


def _axes(ax: Any) -> str:
    bars = sum(len(c) for c in ax.containers if hasattr(c, "patches"))
    points = sum(len(c.get_offsets()) for c in ax.collections if hasattr(c, "get_offsets"))
    shown = [
        _count(bars, "bar"),
        _count(len(ax.lines), "line"),
        _count(points, "point"),
        _count(len(ax.images), "image"),
    ]
    texts = (("title", ax.get_title()), ("x label", ax.get_xlabel()), ("y label", ax.get_ylabel()))
    legend = ax.get_legend()
    named = (
        [f"legend {', '.join(repr(t.get_text()) for t in legend.get_texts()[:8])}"]
        if legend is not None
        else []
    )
    said = [s for s in shown if s] + [f"{what} {text!r}" for what, text in texts if text] + named
    return ", ".join(said) or "empty axes"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}" if number else ""
