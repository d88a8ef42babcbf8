"""A panel on a plain page: the shipped module with a stand-in for the widget's model."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from llmos_nb.app.present.widget import ASSETS, front_end

HERE = Path(__file__).parent
LOOP_SVG = (ASSETS.parents[2] / "views" / "loop" / "loop.svg").read_text("utf-8")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def chromium() -> str | None:
    """Find Chromium: `LLMOS_CHROMIUM`, else on the path."""
    found = [os.environ.get("LLMOS_CHROMIUM"), *map(shutil.which, NAMES)]
    return next((path for path in found if path), None)


class PlainPage:
    """One page of a browser, on which a view can be shown and used."""

    def __init__(self, page: Any, load: bool = True) -> None:
        self.page = page
        if load:
            page.set_content((HERE / "pages" / "plain.html").read_text("utf-8"))
        self._esm, self._css = front_end(), (ASSETS / "panel.css").read_text("utf-8")

    def look(self, theme: str, width: int) -> None:
        """Choose theme and width of what is shown."""
        self.page.evaluate(
            "([theme, width]) => { document.documentElement.dataset.theme = theme;"
            "document.documentElement.style.setProperty('--w', `${width}px`) }",
            [theme, width],
        )

    def show(self, view: dict[str, Any]) -> None:
        """Mount a new panel on a view; nothing has the focus."""
        self.page.evaluate("document.activeElement?.blur()")
        state = {"view": {"rev": 0, "stream": "", **view}, "loop_svg": LOOP_SVG}
        self.page.evaluate("([esm, css, state]) => mount(esm, css, state)", [self._esm, self._css, state])

    def update(self, **changes: Any) -> None:
        """Send a patch as the kernel does."""
        self.page.evaluate(
            "(patch) => model.fire('msg:custom', { kind: 'update', rev: model.get('view').rev + 1, patch })",
            changes,
        )

    def do(self, deeds: list[tuple[str, ...]]) -> None:
        """Carry out what a `State` lists."""
        for kind, *what in deeds:
            if kind == "press":
                self.page.locator(".card, .goal button").last.focus()
                self.page.keyboard.press(what[0])
            elif kind == "fill":
                self.page.get_by_label(what[0]).fill(what[1])
            else:
                self.page.get_by_role("button", name=what[0], exact=True).click()

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Every verb that was sent, without its ticket."""
        return list(self.page.evaluate("model.sent"))

    @property
    def focused(self) -> str:
        """What has the focus: a step's number, what a button does, a field's name, or a class."""
        script = "(e) => e.dataset.n ?? e.dataset.act ?? e.name ?? e.className"
        return str(self.page.evaluate_handle("document.activeElement").evaluate(script))

    def forget(self) -> None:
        """Start a new list of verbs."""
        self.page.evaluate("void (model.sent.length = 0)")

    def at(self, ms: int) -> None:
        """Hold the page's clock at a moment after the panel was mounted."""
        self.page.evaluate("(ms) => { window.held = window.mounted + ms }", ms)
