"""Small deeds on a page, to be put together in tables."""

from __future__ import annotations


def click(*names):
    """Click buttons by their exact accessible names."""

    def deed(p):
        for name in names:
            p.page.get_by_role("button", name=name, exact=True).first.click()

    return deed


def menu(name):
    """Choose from the menu by mouse."""

    def deed(p):
        click("More")(p)
        p.page.get_by_role("menuitem", name=name).click()

    return deed


def fill(label, text, exact=False):
    """Fill a field by its label, or the beginning of it."""
    return lambda p: p.page.get_by_role("textbox", name=label, exact=exact).fill(text)


def keys(*names, on=None):
    """Press keys, first putting the focus on an element if one is named."""

    def deed(p):
        if on:
            p.page.locator(on).first.focus()
        for name in names:
            p.page.keyboard.press(name)

    return deed


def type_(text):
    """Type into what has the focus, over what stands there."""

    def deed(p):
        p.page.keyboard.press("Control+A")
        p.page.keyboard.type(text)

    return deed


def both(*deeds):
    """One deed after another."""

    def deed(p):
        for each in deeds:
            each(p)

    return deed


def card(*names):
    """Press keys with the focus on the card."""
    return keys(*names, on=".card")


def row(n, *names):
    """Press keys with the focus on a step."""
    return keys(*names, on=f"li[data-n='{n}']")
