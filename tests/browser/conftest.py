"""A browser, a plain page with a panel, and a Jupyter server in a folder of its own."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from functools import cached_property
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from harness import FLAGS, PATIENCE_MS, PlainPage, chromium, jupyter

HERE = Path(__file__).parent


def missing(what: str):
    """Skip where something is not installed; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI must have it")
    pytest.skip(what)


def patient(page):
    """Let a page take its time: the only bound of what is waited for, on a machine however busy."""
    page.set_default_timeout(PATIENCE_MS)
    return page


class Chromium:
    """What the tests of this folder share while no other test runs: Playwright, Chromium, and a Jupyter server."""

    def __init__(self):
        self._until = ExitStack()

    @cached_property
    def _type(self):
        sync_api = pytest.importorskip("playwright.sync_api")
        sync_api.expect.set_options(timeout=PATIENCE_MS)
        return self._until.enter_context(sync_api.sync_playwright()).chromium

    @cached_property
    def _path(self):
        return chromium() or missing("Chromium is not installed (put it on the path, or name it in LLMOS_CHROMIUM)")

    @cached_property
    def _plain(self):
        return self._until.enter_context(self._type.launch(executable_path=self._path, args=FLAGS))

    @cached_property
    def _cached(self):
        profile = self._until.enter_context(TemporaryDirectory(prefix="llmos-", ignore_cleanup_errors=True))
        given = {"executable_path": self._path, "args": FLAGS}
        return self._until.enter_context(self._type.launch_persistent_context(profile, **given))

    @cached_property
    def served(self):
        pytest.importorskip("jupyterlab")
        folder = self._until.enter_context(TemporaryDirectory(prefix="llmos-", ignore_cleanup_errors=True))
        return self._until.enter_context(jupyter(Path(folder)))

    @cached_property
    def _blank(self):
        return self.new_page()

    def blank(self):
        """Return one page, with nothing on it: to open another takes longer than most tests."""
        self._blank.goto("about:blank")
        return self._blank

    def new_page(self, **given):
        """Open a page with nothing of those before it."""
        return patient(self._plain.new_page(**given))

    def lab_page(self, width, height):
        """Open a page that has the cache of those before it: a front end is megabytes of compiled script."""
        page = patient(self._cached.new_page())
        page.set_viewport_size({"width": width, "height": height})
        return page

    def close_pages(self):
        """Close what tests that failed have left open; the first page keeps the profile's browser running."""
        there = vars(self)
        kept = there["_blank"].context if "_blank" in there else None
        for context in there["_plain"].contexts if "_plain" in there else ():
            if context is not kept:
                context.close()
        for page in there["_cached"].pages[1:] if "_cached" in there else ():
            page.close()

    def close(self):
        self._until.close()
        vars(self).clear()
        self.__init__()


shared = Chromium()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem):
    """Close all before a test of another folder: while Playwright's loop runs, no asynchronous one can."""
    yield
    if nextitem is None or HERE not in nextitem.path.parents:
        shared.close()


@pytest.fixture(scope="module")
def browser():
    yield shared
    shared.close_pages()


@pytest.fixture(scope="module")
def shared_page(browser):
    page = browser.blank()
    page.set_viewport_size({"width": 1100, "height": 900})
    return PlainPage(page)


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
    """The source of axe-core, out of a package of the extra `test`: no test waits for a registry."""
    if not find_spec("axe_playwright_python"):
        missing("axe-core is not installed (pip install axe-playwright-python)")
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@pytest.fixture(scope="module")
def server(request):
    """JupyterLab and Notebook on loopback: its address, token and a folder of this module; its kernels end with it."""
    url, token, work = shared.served
    folder = Path(mkdtemp(prefix=request.module.__name__, dir=work))
    yield url, token, folder
    headers = {"Authorization": f"token {token}"}
    with urlopen(Request(f"{url}api/sessions", headers=headers)) as answer:
        sessions = json.load(answer)
    for one in sessions:
        with suppress(HTTPError):  # its kernel has just ended by itself
            urlopen(Request(f"{url}api/sessions/{one['id']}", headers=headers, method="DELETE")).close()
