"""In a real kernel that is killed: what was posted is not posted again, by `%agent resume` or by a goal that wakes."""

import os
import signal

import pytest
from killed import counting_server
from notebook_driver import Notebook
from turns import call, python
from waits import until

from llmos_nb.journal import Home
from llmos_nb.session.goals import Goals

POST = (
    "import http.client, json\n"
    "c = http.client.HTTPConnection('127.0.0.1', {port}); c.request('POST', '/orders', b'x')\n"
    "orders = json.loads(c.getresponse().read()); c.close()"
)


@pytest.fixture
def server():
    with counting_server() as found:
        yield found


def turns(port):
    return [
        python(POST.format(port=port)),
        call("ask", question="Go on?"),
        python("n = sum(orders)"),
        {"text": "Done."},
    ]


def kill(book):
    os.kill(int(book.value("__import__('os').getpid()")), signal.SIGKILL)


def test_resume_posts_nothing_again_and_says_what_came_back(server, tmp_path):
    port, posted = server
    with Notebook(tmp_path) as book:
        spec = book.script(*turns(port))
        book.run(f"%%agent orders -m {spec}\nFetch the orders.")
        assert posted == []
        book.run("%agent approve 1")
        wait_for(book, lambda: posted == ["/orders"])
        wait_for(book, lambda: "asks: a question" in book.run("%agent log 1").text)
        kill(book)
    with Notebook(tmp_path) as other:
        other.run("%agent resume 1")
        assert "names: 1 step read back; gone: c" in other.run("%agent log 1").text
        assert "Call r1.0 connected to" in other.run("%agent show 1").text
        other.run("%agent resolve 1 rebuild --done")
        other.run("%agent reply 1 yes")
        wait_for(other, lambda: other.value("'n' in globals()") == "True")
        assert other.value("orders, n") == "([1, 2, 3], 6)" and posted == ["/orders"]


def test_a_goal_that_wakes_posts_nothing_again(server, tmp_path):
    port, posted = server
    with Notebook(tmp_path) as book:
        spec = book.script(*turns(port))
        ran = book.run(f"%agent goals add Fetch the orders. --at 2099-01-01T00:00 -m {spec} -a auto")
        assert "goal 1 is written down" in ran.text, ran.text + ran.error
    goals = Goals(Home(tmp_path / "home"))
    goals.change(1, due=0)
    with Notebook(tmp_path) as book:
        wait_for(book, lambda: goals.find(1).said == "process 1 waits for a person")
        assert posted == ["/orders"]
        kill(book)
    with Notebook(tmp_path) as other:  # the extension alone takes the goal up
        wait_for(other, lambda: other.value("'orders' in globals()") == "True")
        assert other.value("orders") == "[1, 2, 3]" and posted == ["/orders"]
        assert "names: 1 step read back" in other.run("%agent log 1").text


def wait_for(book, holds):
    """Wait while the notebook's loop runs."""
    pause = "await __import__('asyncio').sleep(0.05)"
    until(holds, lambda: book.run("%agent log 1").text, rest=lambda: book.run(pause))
