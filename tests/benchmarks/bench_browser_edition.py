"""Open lesson 01 of the browser edition in Chromium, run it up to its first check, and pass that.

    scripts/browser-edition && python tests/benchmarks/bench_browser_edition.py [docs/extra/browser]

Prints the seconds to the notebook, to the first cell's output, and to the check that passes.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

from harness import FLAGS, chromium  # noqa: E402 - the path comes first
from playwright.sync_api import sync_playwright  # noqa: E402

from llmos_nb.lessons.solutions import solution_text  # noqa: E402

PATIENCE_MS = 120_000
AGENT, STEPPER, ATTEMPT, CHECK = "%%agent doubling", "step_through(run)", "order = None", 'here.check("order"'


class Quiet(SimpleHTTPRequestHandler):
    """Serves the site, and says nothing."""

    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        """Say nothing."""


def run_cells(page, last):
    """Run the cells down to the one that holds these words; return it."""
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    for n in range(cells.count()):
        cell = cells.nth(n)
        run_cell(page, cell)
        if last in cell.inner_text():
            return cell
    raise SystemExit(f"there is no cell with {last}")


def run_cell(page, cell):
    """Run one cell and wait until its number stands beside it."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    cell.locator(".jp-InputPrompt", has_text="[").filter(has_not_text="*").filter(has_not_text="[ ]").wait_for()


def play(page, url):
    """Do what a learner does up to the first check; print the seconds."""
    began = time.monotonic()

    def told(what):
        print(f"{time.monotonic() - began:6.1f} s  {what}")

    page.goto(f"{url}lab/index.html?path=01-loop.ipynb")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.first.wait_for()
    told("the notebook stands there")
    run_cell(page, cells.first)
    cells.first.get_by_text("Exercises done: 0 of").wait_for()
    told("the first cell has run: Python and the package are loaded")
    assert "It is 42." in run_cells(page, AGENT).inner_text()
    told("%%agent has answered")
    run_cells(page, STEPPER).get_by_role("slider").press("ArrowRight")
    told("a run can be stepped through")
    cell = cells.filter(has_text=ATTEMPT)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(solution_text("01", "order"))
    run_cell(page, cells.filter(has_text="order =").first)
    check = cells.filter(has_text=CHECK)
    run_cell(page, check)
    check.get_by_text("✓ order").wait_for()
    told("the first check passes")


def main():
    """Serve the site, and play."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "extra" / "browser")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=chromium(), args=FLAGS).new_page(
            viewport={"width": 1300, "height": 1400}
        )
        page.set_default_timeout(PATIENCE_MS)
        play(page, f"http://127.0.0.1:{server.server_port}/")


if __name__ == "__main__":
    main()
