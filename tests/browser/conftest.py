"""A browser, a plain page with a panel, and a Jupyter server in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import FLAGS, PlainPage, chromium

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "llmos_nb-tests"


def missing(what: str):
    """Skip where something is not installed; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(what)


# A module's scope, not the session's: while Playwright's loop runs, no asynchronous test of another file can.
@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    path = chromium() or missing("Chromium is not installed (put it on the path, or name it in LLMOS_CHROMIUM)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared_page(browser):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_default_timeout(5000)
    yield PlainPage(page)
    page.close()


@pytest.fixture
def plain(shared_page):
    """A page with nothing on it yet; an error in the panel's code fails the test."""
    errors = []

    def note(error):
        errors.append(str(error))

    shared_page.page.on("pageerror", note)
    shared_page.look("light", 960)
    yield shared_page
    shared_page.page.remove_listener("pageerror", note)
    assert errors == []


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core, fetched once by npm into a cache outside the project."""
    package = CACHE / "package" / "axe.min.js"
    if not package.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        try:
            packed = subprocess.run(
                ["npm", "pack", "axe-core@4", "--silent"],
                cwd=CACHE,
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            )
            subprocess.run(["tar", "-xzf", packed.stdout.split()[-1]], cwd=CACHE, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            missing(f"axe-core cannot be fetched with npm ({error})")
    return package.read_text("utf-8")


def started(runtime: Path, process: subprocess.Popen) -> dict:
    """Wait for the file in which a server says where it is."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and process.poll() is None:
        for info in runtime.glob("jpserver-*.json"):
            try:
                return json.loads(info.read_text())
            except ValueError:  # half written
                pass
        time.sleep(0.05)
    raise AssertionError("the Jupyter server did not start")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab and Notebook on loopback: its address, token and folder."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "work").mkdir()
    names = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    own = {key: value for key, value in os.environ.items() if not key.startswith("LLMOS_")}
    env = own | {f"JUPYTER_{key}": str(folder / name) for key, name in names.items()}
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
