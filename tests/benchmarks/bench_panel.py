"""How soon the panel of a run of hundreds of steps stands in the page, and how long it takes to bring news to it.

The run is a real one, driven by a script. Three times are taken: that of making its view from the journal, as `%agent
show` does; that from the view's arrival in the page to the frame in which it is drawn; and that of one patch.
The least and the median of several, in seconds. Wanted: 0.3 s until it is drawn.

Run: ``python tests/benchmarks/bench_panel.py [--steps 200] [--times 9] [--out results/panel.json]``
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))

from bench_long import fill
from harness import FLAGS, LOOP_SVG, PlainPage, chromium
from playwright.sync_api import sync_playwright

import llmos_nb as llmos
from llmos_nb.app.present.widget import front_end, style_sheet
from llmos_nb.views.panel.view import view

OPEN = """([esm, css, state]) => new Promise((drawn) => {
  const began = performance.now();
  Promise.resolve(mount(esm, css, state)).then(() => requestAnimationFrame(() => setTimeout(() =>
    drawn((performance.now() - began) / 1000))));
})"""
PATCH = """(patch) => new Promise((drawn) => {
  const began = performance.now();
  model.fire("msg:custom", { kind: "update", rev: model.get("view").rev + 1, patch });
  requestAnimationFrame(() => setTimeout(() => drawn((performance.now() - began) / 1000)));
})"""


def spread(seconds: list[float]) -> dict[str, float]:
    """Return the least and the median."""
    return {"least": round(min(seconds), 4), "median": round(statistics.median(seconds), 4)}


async def load(home: Path) -> Any:
    """Return the process of the one journal of a home."""
    (path,) = home.glob("runs/*/journal.jsonl")
    return llmos.load(path)


def views(home: Path, times: int) -> tuple[dict[str, Any], list[float]]:
    """Return the view of the run, and how long each making of it took."""
    proc, took = asyncio.run(load(home)), []
    for _ in range(times):
        began = time.perf_counter()
        made = view(proc.run.state, proc.events)
        took.append(time.perf_counter() - began)
    return dict(made), took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), given.steps)
        shown, made = views(Path(home), given.times)
    with sync_playwright() as playwright:
        page = PlainPage(playwright.chromium.launch(executable_path=chromium(), args=FLAGS).new_page())
        state = [front_end(), style_sheet(), {"view": {"rev": 0, "stream": "", **shown}, "loop_svg": LOOP_SVG}]
        drawn = [page.page.evaluate(OPEN, state) for _ in range(given.times)]
        news = [{"set": {"what": f"news {n}"}} for n in range(given.times)]
        patched = [page.page.evaluate(PATCH, each) for each in news]
        assert page.page.locator(".llm li.step").count() >= given.steps
    found = {"steps": given.steps, "view": spread(made), "drawn": spread(drawn), "patched": spread(patched)}
    print(json.dumps(found, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
