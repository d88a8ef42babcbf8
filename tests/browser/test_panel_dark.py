"""The loop on a dark page is dark: only pictures that a run drew have paper behind them."""

import pytest
from deeds import menu
from states import RUNNING

pytestmark = pytest.mark.browser
COLOUR = "(e) => getComputedStyle(e).backgroundColor"
CLEAR = "rgba(0, 0, 0, 0)"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_the_loop_has_no_light_ground_on_a_dark_page(plain):
    plain.look("dark", 960)
    plain.show(RUNNING)
    menu("Drawing of the loop")(plain)
    assert plain.page.locator(".loop .picture").evaluate(COLOUR) == CLEAR
    assert plain.page.locator(".loop .picture svg").evaluate(COLOUR) == CLEAR


def test_a_picture_of_a_run_has_white_paper_on_a_dark_page(plain):
    plain.look("dark", 960)
    image = {"kind": "image", "mime": "image/png", "data": DOT, "label": "a dot"}
    plain.show({**RUNNING, "now": [image]})
    assert plain.page.locator(".now img.picture").evaluate(COLOUR) == "rgb(255, 255, 255)"
