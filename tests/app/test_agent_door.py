"""The door as a person meets it: `%agent door` in a real kernel, and `llmos mcp` as an agent's server there."""

import asyncio
import json
import sys
from importlib.util import find_spec

import pytest
from notebook_driver import Notebook
from outside_agent import over_stdio
from page_driver import Page
from waits import until_async

from llmos_nb.app import cli
from llmos_nb.journal import home_of
from llmos_nb.session.door import Place


@pytest.fixture
def book(tmp_path):
    with Notebook(tmp_path, stdin=True) as made:
        yield made


DRAWS = "import matplotlib.pyplot as plt\nplt.plot(sales)\nplt.show()"
WRITES = "import pathlib\npathlib.Path('out.txt').write_text('x')"


async def test_agent_by_stdio_works_on_live_variables_asks_in_the_notebook_and_leaves_a_notebook_that_verifies(book):
    page = Page(book)
    assert book.run("sales = [3, 4, 5]").status == "ok"
    door = page.send("%agent door on")
    page.until(lambda: door in page.idle)
    assert "claude mcp add llmos -- " in page.text[door] and "codex mcp add llmos -- " in page.text[door]
    (file,) = home_of().root.glob("doors/*.json")
    assert Place(**json.loads(file.read_text())).token not in page.text[door]
    async with over_stdio("--home", str(home_of().root), name="claude-code") as agent:
        assert await agent.python("total = sum(sales)\ntotal") == (True, "12")
        page.until(lambda: page.panels.get(door))  # below the cell that opened the door
        assert page.view["who"] == "claude-code · pid 1 · claude-code, by MCP"
        page.until(lambda: page.view["what"] == "nothing runs until claude-code, by MCP, calls again")
        assert [b.type for b in (await agent.raw("python", code=DRAWS)).content] == ["text", "image"]
        call = asyncio.create_task(agent.python(WRITES))
        await until_async(lambda: page.look(0.01) or page.view["state"] == "Waiting for you")
        page.send("%agent approve 1")
        assert (await call)[0]
        assert await agent.call("final_answer", answer="In all {{total}}.") == (True, "In all 12.")
        page.until(lambda: page.view["state"] == "Answered")
        assert (await agent.python("more = 1"))[0]  # another process, with a panel of its own
    page.until(lambda: page.view["pid"] == 2 and page.view["state"].startswith("Paused"))
    assert "which has left" in page.view["what"]
    assert "written: done.ipynb" in book.run("%agent export 1 done.ipynb").text
    assert "holds: same twice" in book.run("%agent verify done.ipynb").text
    book.manager.shutdown_kernel(now=False)
    assert not file.exists()


def test_agent_by_acp_does_the_work_of_a_cell_asks_in_the_panel_and_leaves_a_notebook_that_verifies(book, tmp_path):
    page, agent = Page(book), find_spec("acp_agent").origin
    acts = [
        ["use", "Read notes.md"],
        ["call", "python", {"code": "total = sum(sales)\ntotal"}],
        ["leave", "Edit notes.md", {"path": "notes.md"}],
        ["say", "In all {{total}}."],
    ]
    (tmp_path / "script.json").write_text(json.dumps([acts]))
    assert book.run("sales = [3, 4, 5]").status == "ok"
    cell = page.send(f'%%agent -m "acp:{sys.executable} {agent} polite script.json log.jsonl"\nAdd `sales` up.')
    page.until(lambda: page.panels.get(cell))
    page.until(lambda: page.view["state"] == "Waiting for you")
    assert page.view["who"].startswith("pid 1 · acp:") and "not seen by llmos" in json.dumps(page.view["steps"])
    card = page.view["card"]
    assert card["title"] == "It wants to use a tool of its own: Edit notes.md" and '"path": "notes.md"' in card["code"]
    page.click(1, verb="approve", call=card["call"], digest=card["digest"])
    page.until(lambda: page.view["state"] == "Answered")
    assert "In all 12." in json.dumps(page.view)
    page.until(lambda: cell in page.idle)
    assert "written: done.ipynb" in book.run("%agent export 1 done.ipynb").text
    assert "holds: same twice" in book.run("%agent verify done.ipynb").text


def test_closing_the_door_says_so_and_closing_it_again_that_none_was_open(book):
    assert "no door is open" in book.run("%agent door off").text
    assert "The door is open" in book.run("%agent door on").text
    closed = book.run("%agent door off").text
    assert "the door is closed" in closed and "no door" not in closed
    assert "no door is open" in book.run("%agent door").text


def test_where_no_door_is_open_the_agent_is_told_what_to_do(capsys):
    assert cli.main(["mcp"]) == 2
    assert "write %agent door on in a cell" in capsys.readouterr().err
