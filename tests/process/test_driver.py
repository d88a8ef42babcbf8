"""What nobody expected still ends with a reason: a device's inspection that raises, a view that raises."""

from dataclasses import replace

from turns import call, python, same_as_folded

import llmos_nb as llmos
from llmos_nb.tools import as_tool


def look() -> int:
    """Look."""
    return 3


async def test_an_inspection_that_raises_ends_the_process_with_its_reason(script):
    def broken(arguments):
        raise RecursionError("too deep")

    tool = replace(as_tool(look, effect="read"), inspect=broken)
    proc = await llmos.run("go", model=script(call("look"), {"text": "3"}), tools=[tool])
    assert proc.reason == "failed" and "too deep" in proc.detail and same_as_folded(proc)


async def test_a_view_that_raises_is_left_out_and_the_process_goes_on(script, caplog):
    proc = llmos.start("go", model=script(python("x = 3\nx"), {"text": "3"}), namespace={})

    def view(event, state):
        raise ValueError("a view is broken")

    proc.run.listeners.append(view)
    await proc
    assert proc.reason == "answered" and view not in proc.run.listeners
    assert "a view is broken" in caplog.text


async def test_code_that_cannot_be_inspected_is_told_to_the_model(script):
    for code in ("(" * 5000, "x" + "[0]" * 3000, "f" + "()" * 3000, "\x00", "-" * 100_000 + "1"):
        proc = await llmos.run("go", model=script(python(code), {"text": "ok"}), namespace={}, approve="auto")
        assert proc.state == "ended" and proc.reason == "answered", (code[:9], proc.detail)
