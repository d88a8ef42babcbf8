"""Stop, a kernel that is busy, and leaving the page."""

import pytest
from deeds import click
from harness import HERE, PlainPage
from journeys import FINISHED
from states import RUNNING, WAITING

pytestmark = pytest.mark.browser
# what was to come in the first 300 ms has come when a later timer of the same page has run out
LATER = "() => new Promise((done) => setTimeout(done, 400))"
AFTER_A_SECOND = """() => document.addEventListener("click", () => setTimeout(() => {
  window.later = model.interrupts;
}, 1000), { capture: true, once: true })"""


def test_stop_interrupts_only_where_the_process_does_not_answer(plain):
    plain.show(RUNNING)
    click("Stop")(plain)
    plain.page.evaluate(LATER)
    assert plain.page.evaluate("model.interrupts") == 0
    plain.page.evaluate("void (model.heard = false, window.later = null)")
    plain.page.evaluate(AFTER_A_SECOND)
    click("Stop")(plain)
    plain.page.wait_for_function("window.later !== null")
    assert plain.page.evaluate("[window.later, model.interrupts]") == [1, 1]
    plain.page.get_by_text("One long call in C ends only when it returns").wait_for()


def test_busy_notice_appears_and_goes_again(plain):
    plain.show(RUNNING)
    plain.page.evaluate("void (model.heard = false)")
    plain.page.evaluate("() => { model.send = (message) => { window.ticket = message.seq } }")
    click("Pause")(plain)
    plain.page.get_by_text("The kernel is busy").wait_for()
    plain.page.evaluate("model.fire('msg:custom', {kind: 'heard', seq: ticket})")
    assert plain.page.get_by_text("The kernel is busy").count() == 0


@pytest.mark.parametrize("verb", ["Pause", "Stop"])
def test_a_panel_whose_kernel_is_gone_says_so_and_interrupts_nothing(plain, verb):
    plain.show(RUNNING)
    plain.page.evaluate("() => { model.send = () => { throw new Error('Cannot send') } }")
    click(verb)(plain)
    assert plain.page.locator("[aria-busy]").count() == 0  # nothing is under way
    plain.page.get_by_text(f"The kernel of this panel is gone. Run %agent show {RUNNING['pid']}").wait_for()
    plain.page.evaluate(LATER)
    assert plain.page.evaluate("model.interrupts") == 0


@pytest.fixture
def site(browser):
    """A page with an address, as a Jupyter server would give it."""
    page = browser.new_page()
    html = (HERE / "pages" / "plain.html").read_text("utf-8")
    config = '<script id="jupyter-config-data" type="application/json">{"baseUrl": "/user/me/", "token": "t0"}</script>'
    page.route(
        "http://panel.test/lab",
        lambda route: route.fulfill(body=html.replace("<main", f"{config}<main"), content_type="text/html"),
    )
    page.goto("http://panel.test/lab")
    yield PlainPage(page, load=False)
    page.close()


def test_stop_falls_back_to_the_server(site):
    posts = []
    site.page.route("**/api/**", lambda route: (posts.append(route.request), route.fulfill(status=204)))
    site.page.context.add_cookies([{"name": "_xsrf", "value": "x1", "url": "http://panel.test"}])
    site.show({**RUNNING, "kernel_id": "k-1"})
    site.page.evaluate("model.heard = false; model.widget_manager = null; 0")
    with site.page.expect_response("**/interrupt"):
        click("Stop")(site)
    assert posts[0].url == "http://panel.test/user/me/api/kernels/k-1/interrupt"
    headers = posts[0].headers
    assert (posts[0].method, headers["authorization"], headers["x-xsrftoken"]) == ("POST", "token t0", "x1")


@pytest.mark.parametrize(("view", "asks"), [(WAITING, True), (RUNNING, True), (FINISHED, False)])
def test_leaving_the_page_warns_while_a_question_is_open(site, view, asks):
    asked = []
    site.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    site.show(view)
    site.page.locator(".goal button").click()  # a page that nobody touched may not ask
    site.page.goto("about:blank")
    assert asked == (["beforeunload"] if asks else [])


def test_leaving_a_saved_notebook_does_not_warn(site):
    asked = []
    site.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    site.show(WAITING)
    site.page.evaluate("model.widget_manager.context = { model: { dirty: false } }; 0")
    site.page.locator(".goal button").click()
    site.page.goto("about:blank")
    assert asked == []
