"""How soon the panel of a run of hundreds of steps stands in the page, and how long it takes to bring news to it.

The run is a real one, driven by a script. Three times are taken: that of making its view from the journal, as `%agent
show` does; that from the view's arrival in the page to the frame in which it is drawn; and that of one patch.
The least and the median of several, in seconds. Wanted: 0.3 s until it is drawn.

Besides: which part of the processor time of such a run goes into its views, while a page follows it. Wanted: a tenth.

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

from bench_long import fill, started
from comm.base_comm import BaseComm
from harness import FLAGS, LOOP_SVG, PlainPage, chromium
from playwright.sync_api import sync_playwright

import llmos_nb as llmos
from llmos_nb.app.present.panel import PanelShown
from llmos_nb.app.present.widget import Feed, front_end, style_sheet
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


class Comm(BaseComm):
    """A comm whose messages nobody takes."""

    def publish_msg(self, *args: Any, **kwargs: Any) -> None: ...


class Spent:
    """Adds up the processor time of some functions, however they call each other."""

    def __init__(self) -> None:
        self.seconds, self._inside = 0.0, False

    def count(self, owner: type, name: str) -> None:
        fn = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._inside:
                return fn(*args, **kwargs)
            self._inside, began = True, time.thread_time()
            try:
                return fn(*args, **kwargs)
            finally:
                self.seconds, self._inside = self.seconds + time.thread_time() - began, False

        setattr(owner, name, counted)


async def share(home: Path, steps: int) -> dict[str, float]:
    """Return how much processor time a run takes that a page follows, and how much of it is that of its views."""
    import ipykernel.connect  # noqa: F401 - a notebook has it already

    spent, proc = Spent(), started(home, steps)
    for owner, names in {PanelShown: "heard view _keep _take", Feed: "flush stream send"}.items():
        for name in names.split():
            spent.count(owner, name)
    shown = PanelShown(proc, page=True)
    proc.dispatch.ask(shown._follow)
    shown.panel.attach(Comm(target_name="page"))
    began = time.process_time()
    await proc
    whole = time.process_time() - began
    assert proc.reason == "answered", proc.detail
    return {
        "run_s": round(whole, 3),
        "views_s": round(spent.seconds, 3),
        "share": round(spent.seconds / whole, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), given.steps)
        shown, made = views(Path(home), given.times)
    with tempfile.TemporaryDirectory() as home:
        part = asyncio.run(share(Path(home), given.steps))
    with sync_playwright() as playwright:
        page = PlainPage(playwright.chromium.launch(executable_path=chromium(), args=FLAGS).new_page())
        state = [front_end(), style_sheet(), {"view": {"rev": 0, "stream": "", **shown}, "loop_svg": LOOP_SVG}]
        drawn = [page.page.evaluate(OPEN, state) for _ in range(given.times)]
        news = [{"set": {"what": f"news {n}"}} for n in range(given.times)]
        patched = [page.page.evaluate(PATCH, each) for each in news]
        assert page.page.locator(".llm li.step").count() >= given.steps
    found = {"steps": given.steps, "view": spread(made), "drawn": spread(drawn), "patched": spread(patched)}
    found["processor"] = part
    print(json.dumps(found, indent=1))
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
