"""A run of twenty calls in JupyterLab while somebody types below it: nothing moves, prints come, clocks go on."""

import pytest
from front_ends import book, opened, python, run_all, script, until

pytestmark = pytest.mark.browser
HELD = """
import pathlib, time
print("before {0}")
while not pathlib.Path("{0}").exists():
    time.sleep(0.01)
"""
SHORT = "import time\nfor i in range(40):\n    print('call {}, line', i)\n    time.sleep(0.004)"
WATCH = """() => {
  window.moved = [];
  new PerformanceObserver((list) => moved.push(...list.getEntries().map((e) => e.value)))
    .observe({ type: "layout-shift", buffered: false });
}"""
TOP = "document.querySelectorAll('.jp-CodeCell .cm-content')[2].getBoundingClientRect().top"
FIRST = "document.querySelectorAll('.jp-CodeCell .cm-content')[0].getBoundingClientRect().top"
TICKS = "[...document.querySelectorAll('.llm .tick')].map((each) => each.textContent).join('|')"


def hear(page, found):
    """Collect the messages of panels that reach the page from now on."""

    def heard(frame):
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        if '"comm_msg"' in text or "display_data" in text:
            found.append(text)

    page.on("websocket", lambda socket: socket.on("framereceived", heard))


def test_nothing_moves_below_a_run_of_twenty_calls_and_its_prints_and_clocks_go_on(browser, server):
    folder = server[2]
    held, short = (
        [python(HELD.format(name)) for name in ("seen", "done")],
        [python(SHORT.format(n)) for n in range(18)],
    )
    turns = [held[0], *short, held[1], {"text": "It counted."}]
    script(folder, "steady.json", turns)
    goal = "%%agent steady -a auto --plan none -b '40 steps, 40 calls, 5 min' -m script:steady.json\nCount."
    book(folder, "steady", "%load_ext llmos_nb", goal, "")
    frames = []
    page = opened(browser, server, "lab", "steady", lambda page: hear(page, frames))
    run_all(page)
    panel = page.locator(".llm")
    panel.locator(".live .out", has_text="before seen").wait_for()  # while the step holds the main thread
    ticks = page.evaluate(TICKS)
    page.wait_for_function("(before) => " + TICKS + " !== before", arg=ticks)
    below = page.locator(".jp-CodeCell .cm-content").nth(2)
    below.click()
    page.evaluate(WATCH)
    top, height = page.evaluate(f"{TOP} - {FIRST}"), panel.bounding_box()["height"]
    frames.clear()
    began = page.evaluate("performance.now()")
    (folder / "seen").touch()
    last = panel.locator(".live .out", has_text="before done")

    def typed():
        page.keyboard.type("x" * 9)  # no line ends: each would move what is below its own cell
        assert panel.bounding_box()["height"] == height
        return last.is_visible()

    until(typed, "what the last call prints")
    seconds = (page.evaluate("performance.now()") - began) / 1000
    assert len(frames) <= 10 * seconds + 1, [frame[:80] for frame in frames]
    run = sum(page.evaluate("moved.splice(0)"))  # in the panel itself, as its lines come
    assert run <= 0.02
    (folder / "done").touch()
    panel.get_by_text("It counted.").first.wait_for()
    page.locator(".llm[data-state=finished]").wait_for()
    page.keyboard.type("and on it goes")
    assert run + sum(page.evaluate("moved")) <= 0.03  # with its end
    assert page.evaluate(f"{TOP} - {FIRST}") == top  # whatever was scrolled by typing
    assert panel.bounding_box()["height"] == height
    page.close()
