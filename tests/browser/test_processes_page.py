"""The sidebar on a plain page, with a stand-in for the session: what it shows, says and sends."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fixtures_journals import STATES
from fixtures_writer import Writer

from llmos_nb.app.present.widget import ASSETS
from llmos_nb.views.panel import Agent

pytestmark = pytest.mark.browser
STATIC = Path(__file__).parents[2] / "llmos_nb" / "app" / "lab" / "extension" / "static"
AT = datetime(2026, 3, 1, 9, 1, tzinfo=UTC).timestamp()  # a little after the events of the fixtures
SITE = "http://agents.test/"
HTML = (Path(__file__).parent / "pages" / "plain.html").read_text("utf-8")
MOUNT = """async (site) => {
  const { Store } = await import(`${site}processes_store.js`);
  const { sidebar } = await import(`${site}processes_list.js`);
  const signal = () => { const heard = []; return { connect: (f) => heard.push(f), emit: (...a) => heard.forEach((f) => f(...a)) }; };
  window.sent = [];
  window.alive = ["k1"];
  window.comms = { c1: {} };
  window.kernel = { id: "k1", status: "busy", handleComms: true, registerCommTarget: () => {}, statusChanged: signal(),
    connectionStatusChanged: signal(), disposed: signal(), requestCommInfo: async () => ({ content: { comms: window.comms } }),
    createComm: (_, id) => (window.comm = { commId: id, send: (m) => sent.push(m.content), dispose: () => {} }) };
  const panel = { isVisible: true, isDisposed: false, title: { dataset: {} }, disposed: signal(),
    context: { path: "birds/penguins.ipynb", pathChanged: signal() },
    sessionContext: { ready: Promise.resolve(), kernelChanged: signal(), session: { kernel } } };
  window.tell = (message) => comm.onMsg({ content: { data: { method: "custom", content: message } } });
  const store = (window.store = new Store(() => window.alive));
  const node = document.createElement("div");
  node.style.width = "300px";
  document.body.replaceChildren(node);
  sidebar(store, { node, isVisible: true }, (act, found, data) =>
    act === "stop-all" ? store.running.forEach(({ book, row }) => book.act(row, "stop")) : found ? found.book.act(found.row, act, data) : sent.push({ act, ...data }));
  store.follow(panel);
}"""


def row(writer, pid, **more):
    made = {**Agent(writer.events).row(writer.state), "pid": pid, **more}
    return {f"p{pid}": made, f"t{pid}": Agent(writer.events).times(180)}


def effect(danger):
    w = Writer().two_steps()
    call = w.call(code="x")
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    held = {
        "kind": "effect",
        "call": call,
        "effect": ["net", "x"],
        "title": "connect to <b>x</b>",
        "text": "So.",
    }
    return w.add("question.asked", question="e1", danger=danger, **held)


@pytest.fixture(scope="module")
def site(browser):
    """A page to which the files of the sidebar are served."""
    page = browser.new_page(viewport={"width": 340, "height": 1400})

    def serve(route):
        name = route.request.url.removeprefix(SITE)
        if not name:
            return route.fulfill(body=HTML.partition("<body")[0] + "<body></body></html>", content_type="text/html")
        at = ASSETS / name.removeprefix("panel/") if name.startswith("panel/") else STATIC / name
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return route.fulfill(body=at.read_text("utf-8"), content_type=kind)

    page.route(f"{SITE}**", serve)
    yield page
    page.close()


@pytest.fixture
def side(site):
    """The sidebar in a page that is loaded anew and has stored nothing; an error in its code fails the test."""
    errors = []

    def note(error):
        errors.append(str(error))

    site.goto(SITE)
    site.evaluate("(localStorage.clear(), sessionStorage.clear())")
    site.on("pageerror", note)
    site.add_style_tag(url=f"{SITE}processes.css")
    site.evaluate(MOUNT, SITE)
    site.wait_for_function("sent.length === 1")
    yield site
    site.remove_listener("pageerror", note)
    site.emulate_media(forced_colors="none")
    assert errors == []


def show(page, **view):
    page.evaluate("(m) => tell(m)", {"kind": "full", "at": AT, "view": {"rev": 1, "home": [], **view}})
    page.locator(".llmos-side .sh").wait_for()


def sent(page):
    return page.evaluate("sent.splice(0)")


HOME = {"pid": 2, "name": "mail watch", "state": "broke off at 09:00", "goal": "Read mail.", "waiting": False}
ALL = {
    **row(STATES["waiting"](), 3),
    **row(STATES["running"](), 4),
    **row(STATES["finished"](), 5),
    **row(STATES["failed"](), 6),
    **row(STATES["question"](), 7),
    **row(effect(True), 8),
    "home": [{**HOME, "command": "%agent resume 2"}],
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_fault_in_any_row_and_nothing_overflows(side, axe, theme):
    side.evaluate("(theme) => { document.documentElement.dataset.theme = theme }", theme)
    show(side, **ALL)
    assert side.locator("li.pr").count() == 7
    if shots := os.environ.get("LLMOS_SHOTS"):
        side.screenshot(path=f"{shots}/agents-{theme}-all.png")
    side.evaluate(axe)
    found = side.evaluate("axe.run('.llmos-side', {resultTypes: ['violations']}).then((r) => r.violations)")
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []
    for width in ("240px", "420px"):
        side.evaluate("(w) => { document.body.firstChild.style.width = w }", width)
        beyond = "[...document.querySelectorAll('.llmos-side *')].filter((e) => e.getBoundingClientRect().right > document.querySelector('.llmos-side').getBoundingClientRect().right + 1).map((e) => e.outerHTML.slice(0, 80))"
        assert side.evaluate(beyond) == []
    small = "[...document.querySelectorAll('.llmos-side button')].filter((e) => e.offsetHeight < 24).length"
    assert side.evaluate(small) == 0


def test_what_is_dangerous_offers_to_reject_or_to_look_and_text_is_no_markup(side):
    show(side, **row(effect(True), 8), **row(effect(False), 9))
    safe, danger = side.locator("li[data-pid='9']"), side.locator("li[data-pid='8']")
    assert safe.get_by_role("button").all_inner_texts() == ["Show", "Allow once", "Refuse", "Open"]
    assert danger.get_by_role("button").all_inner_texts() == ["Show", "Refuse", "Open"]
    assert danger.get_attribute("data-tone") == "bad" and side.locator(".llmos-side b b").count() == 0
    assert "connect to <b>x</b>" in danger.inner_text()


def test_decision_is_bound_to_what_was_seen_and_takes_nothing_at_once(side):
    view = row(STATES["waiting"](), 3)
    side.evaluate("performance.now = () => window.clock ?? 1000")
    side.evaluate("(m) => tell(m)", {"kind": "full", "at": 0, "view": {"rev": 1, **view}})
    approve = side.get_by_role("button", name="Approve")
    for clock in (1000, 1499):
        side.evaluate("(at) => { window.clock = at }", clock)
        approve.click()
    assert [m["verb"] for m in sent(side)] == ["sync"]
    side.evaluate("void (window.clock = 1500)")
    approve.click()
    [told] = sent(side)
    assert (told["verb"], told["pid"], told["call"], told["digest"]) == ("approve", 3, "r4.0", "9f3ce1aa")
    side.get_by_text("The session is busy.").wait_for()
    side.evaluate("(seq) => tell({ kind: 'heard', seq })", told["seq"])
    side.get_by_text("The session is busy.").wait_for(state="detached")
    side.evaluate("tell({ kind: 'note', pid: 3, text: 'it <b>cannot</b>' })")
    side.get_by_text("it <b>cannot</b>").wait_for()


PRESSED = """(button) => new Promise((done) => {
  button.click();
  queueMicrotask(() => queueMicrotask(() => done([button.innerText, button.getAttribute("aria-busy")])));  // no frame yet
})"""


@pytest.mark.parametrize(
    ("state", "name", "said"),
    [
        ("waiting", "Approve", "Approving…"),
        ("running", "Pause", "Pausing…"),
        ("running", "Stop", "Stopping…"),
        ("paused", "Resume", "Resuming…"),
    ],
)
def test_click_is_acknowledged_before_anybody_has_heard_it(side, state, name, said):
    show(side, **row(STATES[state](), 3))
    side.evaluate("store.books.get('k1').asked.clear()")
    button = side.locator("li.pr").get_by_role("button", name=name)
    sent(side)
    assert button.evaluate(PRESSED) == [said, "true"]
    [told] = sent(side)
    if name != "Stop":  # which can always be said again
        button.click()
        assert sent(side) == []
    side.evaluate("tell({ kind: 'note', pid: 3, text: 'it cannot' })")
    side.get_by_text("it cannot").wait_for()
    assert button.inner_text() == name and button.get_attribute("aria-busy") is None
    button.click()
    assert [m["verb"] for m in sent(side)] == [told["verb"]]


def test_button_has_its_own_word_again_once_its_process_goes_on(side):
    show(side, **row(STATES["running"](), 4))
    pause = side.get_by_role("button", name="Pause")
    pause.click()
    assert pause.inner_text() == "Pausing…"
    waits = row(STATES["running"](), 4, acts=["Resume", "Stop"])
    side.evaluate("(set) => tell({ kind: 'update', rev: 2, at: 0, patch: { set } })", waits)
    side.get_by_role("button", name="Resume").wait_for()
    assert side.locator("[aria-busy]").count() == 0


def test_page_that_missed_a_difference_asks_for_all_and_a_restart_leaves_nothing(side):
    show(side, **row(STATES["running"](), 4))
    sent(side)
    side.evaluate("tell({ kind: 'update', rev: 3, at: 0, patch: { drop: ['p4'] } })")
    assert sent(side) == [{"verb": "sync", "rev": 1}] and side.locator("li.pr").count() == 1
    side.evaluate("tell({ kind: 'update', rev: 2, at: 0, patch: { drop: ['p4', 't4'] } })")
    side.locator("li.pr").wait_for(state="detached")
    show(side, **row(STATES["running"](), 4))
    side.get_by_role("button", name="Stop all agents").click()
    assert [m["verb"] for m in sent(side)] == ["stop"]
    side.evaluate("kernel.statusChanged.emit(kernel, 'restarting')")
    side.get_by_text("No notebook on this page offers").wait_for()
    assert side.evaluate("localStorage.length") == 0


def test_page_of_a_new_tab_knows_whom_to_ask_while_the_session_is_in_a_cell(side):
    side.evaluate("localStorage.setItem('llmos.comm.ended', 'c0')")
    side.evaluate("sessionStorage.clear()")  # it is the tab's own
    told = "requestCommInfo: async () => ({ content: { comms: window.comms } })"
    assert told in MOUNT
    side.evaluate(MOUNT.replace(told, "requestCommInfo: () => new Promise(() => {})"), SITE)
    side.wait_for_function("sent.length === 1")
    assert sent(side) == [{"verb": "sync", "rev": -1}]
    show(side, **row(STATES["waiting"](), 3))
    assert "1 waiting" in side.locator(".sh").inner_text()
    assert side.evaluate("Object.keys(localStorage)") == ["llmos.comm.k1"]  # of what lives no more nothing is kept


def test_session_that_opened_its_comm_behind_a_page_s_question_is_followed_whatever_that_answer_says(side):
    side.evaluate("localStorage.clear()")
    late = MOUNT.replace("registerCommTarget: () => {}", "registerCommTarget: (_, take) => (window.opened = take)")
    late = late.replace(
        "async () => ({ content: { comms: window.comms } })", "() => new Promise((f) => (window.answer = f))"
    )
    side.evaluate(late, SITE)
    side.wait_for_function("!!window.answer")
    side.evaluate("void opened(kernel.createComm('', 'c2'))")
    side.evaluate("void answer({ content: { comms: {} } })")
    show(side, **row(STATES["waiting"](), 3))
    assert "1 waiting" in side.locator(".sh").inner_text()


@pytest.mark.parametrize("width", [240, 250, 285, 340])
def test_each_word_of_the_head_stands_on_one_line_with_room_around_it(side, width):
    side.evaluate("(w) => { document.body.firstChild.style.width = `${w}px` }", width)
    show(side, **ALL)
    words = side.locator(".sh > *").evaluate_all("(all) => all.map((e) => [e.innerText, e.offsetHeight, e.offsetTop])")
    assert words[1][0] == "3 waiting, 1 running"
    assert [w for w, high, top in words if high > 26 or top < 1] == []


def test_mark_on_a_tab_stands_on_one_line_however_long_its_name_is(side):
    side.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<div id=bar style=width:150px;display:flex><div class=lm-TabBar-tab"
        " data-llmos-waits=12 style=display:flex><div style=flex:auto;white-space:nowrap>a notebook with a long name.ipynb')"
    )
    one = side.evaluate("document.querySelector('#bar .lm-TabBar-tab').offsetHeight")
    side.evaluate("document.querySelector('#bar').style.width = '900px'")
    assert one == side.evaluate("document.querySelector('#bar .lm-TabBar-tab').offsetHeight")


def test_what_is_unfinished_in_the_home_can_be_put_in_a_cell(side):
    show(side, home=ALL["home"])
    side.get_by_role("button", name="Put in a cell: %agent resume 2").click()
    assert sent(side)[-1] == {"act": "put", "command": "%agent resume 2"}


def test_what_the_service_of_a_home_has_is_decided_on_as_others_are(side):
    away = {**row(STATES["waiting"](), 12)["p12"], "state": "Waiting for you, at the service"}
    show(side, home=[away, *ALL["home"]])
    side.get_by_text("Waiting for you, at the service").wait_for()
    assert "1 waiting" in side.locator(".sh").inner_text() and side.locator("li.pr").count() == 2
    assert side.evaluate("store.books.get('k1').asked.has(12)")  # what decides takes nothing at once, here too
    side.evaluate("store.books.get('k1').asked.clear()")
    side.evaluate("performance.now = () => 100")  # a page so young that its clock is within that first half second
    side.locator("li[data-pid='12']").get_by_role("button", name="Approve").click()
    told = sent(side)[-1]
    assert (told["verb"], told["pid"], told["call"], told["digest"]) == ("approve", 12, "r4.0", "9f3ce1aa")
    show(side, home=ALL["home"])
    assert side.locator("li.pr").count() == 1 and "waiting" not in side.locator(".sh").inner_text()


def test_clock_goes_on_without_a_message_and_the_focus_stays_where_it_is(side):
    show(side, **row(STATES["running"](), 4))
    clock = side.locator("li .clock")
    before = clock.inner_text()
    side.get_by_role("button", name="Stop penguins").focus()
    side.wait_for_function("(t) => document.querySelector('li .clock').innerText !== t", arg=before)
    assert (
        json.loads(side.evaluate("JSON.stringify(document.activeElement.getAttribute('aria-label'))"))
        == "Stop penguins"
    )


def test_forced_colours_keep_bars_and_the_main_button(side):
    show(side, **ALL)
    look = "(s) => getComputedStyle(document.querySelector(s)).backgroundColor"
    before = side.evaluate(look, ".llmos-side button.main")
    side.emulate_media(forced_colors="active")
    assert side.evaluate(look, ".llmos-side button.main") != before
    assert side.evaluate("getComputedStyle(document.querySelector('i.you')).boxShadow") != "none"


def test_agent_whose_tab_was_closed_still_waits_where_its_notebook_can_be_opened(side):
    show(side, **row(STATES["waiting"](), 3), **row(STATES["finished"](), 5))
    side.evaluate("kernel.disposed.emit()")
    side.get_by_text("tab closed").wait_for()
    assert side.locator("li.pr").count() == 1 and "1 waiting" in side.locator(".sh").inner_text()
    side.get_by_role("button", name="Open the notebook").click()
    assert sent(side)[-1] == {"act": "open", "path": "birds/penguins.ipynb"}
    side.evaluate("(window.alive = [], store.changed())")
    side.locator("li.pr").wait_for(state="detached")
