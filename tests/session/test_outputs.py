"""Outputs of a step appear in the cell that owns the process, whoever lets the step run: the cell or a click."""

import asyncio
import re

from notebook_driver import Notebook
from turns import python

import llmos_nb as llmos
from llmos_nb.models.scripted import ScriptedModel

STEP = python(
    "import os; os.system('true'); print('said by the step')\n"
    "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"
)
DONE = {"text": "Done."}


def panels(ran):
    """Return the comms of the panels that a cell has opened."""
    opened = [m["content"] for m in ran.messages if m["msg_type"] == "comm_open"]
    return [c["comm_id"] for c in opened if "loop_svg" in c["data"].get("state", {})]


def click(book, ran, **verb):
    """Send what the panel's page sends for a click."""
    content = {"comm_id": panels(ran)[-1], "data": {"method": "custom", "content": {"seq": 1, **verb}}}
    book.client.shell_channel.send(book.client.session.msg("comm_msg", content))


def asks(ran):
    """Return whether the panel shows that somebody is asked."""
    updates = [m["content"]["data"] for m in ran.messages if m["msg_type"] == "comm_msg"]
    return bool(panels(ran)) and "waiting" in str(updates)


def outputs(ran):
    """Return what the cell is left with: its printed text, and the kinds of its pictures but for the loop's."""
    shown = {}
    for message in ran.messages:
        if message["msg_type"] in ("display_data", "update_display_data"):
            content = message["content"]
            shown[content.get("transient", {}).get("display_id")] = content["data"].get("text/html", "")
    html = "".join(shown.values())
    return re.sub("<[^>]*>", " ", html), re.findall(r'src="data:(image/(?!svg)[\w+]+);base64,', html)


def test_prints_and_figures_after_a_click_appear_in_the_owning_cell(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        cell = f"%%agent -m {book.script(STEP, DONE)}\nDraw."
        seen = []
        ran = book.run(
            cell,
            when=lambda r: seen.append(r) or asks(r),
            then=lambda: click(book, seen[-1], verb="approve", call="r1.0"),
        )
        text, images = outputs(ran)
        assert ran.status == "ok", ran.error
        assert "said by the step" in text and images == ["image/png"]


def test_prints_without_a_click_appear_in_the_owning_cell(tmp_path):
    with Notebook(tmp_path, stdin=True) as book:
        ran = book.run(f"%%agent -a auto -m {book.script(STEP, DONE)}\nDraw.")
        text, images = outputs(ran)
        assert "said by the step" in text and images == ["image/png"]


async def test_a_process_driven_on_another_loop_goes_on():
    """Its events belonged to the first loop; a second resume once waited on them for ever."""
    script = [python("x = 1"), {"text": "Done."}]
    session = llmos.Session({})

    def elsewhere():
        async def begin():
            proc = session.start("Count.", model=ScriptedModel(script), approve="step")
            await proc
            return proc

        return asyncio.run(begin())

    proc = await asyncio.to_thread(elsewhere)
    assert proc.state == "waiting"
    proc.approve("all")
    await asyncio.wait_for(proc.start(), 10)
    assert proc.reason == "answered"


async def test_an_error_that_the_driver_did_not_foresee_ends_the_process_visibly(monkeypatch):
    async def broken(run):
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("llmos_nb.session.process.drive", broken)
    proc = await llmos.run("Count.", model=ScriptedModel([DONE]), namespace={})
    assert (proc.state, proc.reason) == ("ended", "failed")
    assert "nobody thought of this" in proc.detail and proc.events[-1].k == "run.ended"


def test_without_a_front_end_what_an_approval_lets_go_on_is_shown_in_a_cell(tmp_path):
    steps = [python("x = 'said ' + 'once'\nprint(x)"), python("y = 'said ' + 'twice'\nprint(y)")]
    with Notebook(tmp_path) as book:
        first = book.run(f"%%agent -a step --plan none -m {book.script(*steps, DONE)}\nSay.")
        assert "ApprovalNeeded" in first.error and "said once" not in first.text
        for said, then in (("said once", "wants to run"), ("said twice", "Done.")):
            shown = book.run("%agent approve 1").text
            while said not in shown or then not in shown:  # it goes on when the cell has ended
                message = book.client.get_iopub_msg(timeout=60)
                shown += message["content"]["text"] if message["msg_type"] == "stream" else ""
