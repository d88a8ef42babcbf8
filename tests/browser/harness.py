"""A panel on a plain page, by a stand-in for the widget's model; and a Jupyter server in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmos_nb.app.present.widget import ASSETS, front_end, style_sheet

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LOOP_SVG = (ASSETS.parents[2] / "views" / "loop" / "loop.svg").read_text("utf-8")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-gpu-compositing",
    "--disable-gpu-rasterization",
    "--disable-dev-shm-usage",  # which is small in a container, and a page that fills it crashes
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONGEST_S = 120  # that anything may take on a busy machine before it counts as hanging
PATIENCE_MS = 60_000  # that a page may take for one thing
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
        self._esm, self._css = front_end(), style_sheet()

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
            elif kind == "menu":
                self.page.get_by_role("button", name="More", exact=True).click()
                self.page.get_by_role("menuitem", name=what[0]).click()
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


def started(runtime: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for the file in which a server says where it is."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline and process.poll() is None:
        for info in runtime.glob("jpserver-*.json"):
            try:
                return dict(json.loads(info.read_text()))
            except ValueError:  # half written
                pass
        time.sleep(0.05)
    raise AssertionError("the Jupyter server did not start")


def extension(share: Path) -> Path:
    """Lay the extension of this very source out as a wheel does; an editable installation has an older copy."""
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, place in sorted(wheel["shared-data"].items(), key=lambda pair: len(pair[1])):
        to = share.parent / place.replace("share/jupyter", share.name)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, to)
    return share


@contextmanager
def jupyter(folder: Path, theme: str = "JupyterLab Light") -> Iterator[tuple[str, str, Path]]:
    """Serve JupyterLab and Notebook on loopback, out of a folder of their own: address, token and working folder."""
    (folder / "work").mkdir()
    names = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    own = {key: value for key, value in os.environ.items() if not key.startswith("LLMOS_")}
    env = own | {f"JUPYTER_{key}": str(folder / name) for key, name in names.items()}
    env["JUPYTER_PATH"] = str(extension(folder / "share"))
    settings = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}))
    (settings / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
    completer = folder / "config/lab/user-settings/@jupyterlab/completer-extension"
    completer.mkdir()
    # a kernel on a busy machine answers after more than a second, and what it offers would be dropped
    (completer / "manager.jupyterlab-settings").write_text(json.dumps({"providerTimeout": PATIENCE_MS}))
    (folder / "config/labconfig").mkdir()
    # each page that is loaded would have Node look for what is to be built, and could ask for it in a dialog
    (folder / "config/labconfig/page_config.json").write_text(json.dumps({"buildCheck": False}))
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"]
    command += [
        f"--ServerApp.root_dir={folder / 'work'}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        info = started(folder / "runtime", process)
        yield info["url"], info["token"], folder / "work"
    finally:
        process.terminate()
        process.wait(20)
        log.close()
