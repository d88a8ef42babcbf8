"""Reads that are declared so run beside the main thread, unless their objects belong to it."""

import asyncio
import sqlite3
import threading

import pytest
from turns import call

from llmos_nb import tool
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

READ = {"effect": "read", "repeat": "pure"}


async def ran(tmp_path, fn, times=1):
    """Run a process that calls a tool so often; return the results of its calls."""
    turns = [*[call(fn.__name__) for _ in range(times)], {"text": "Done."}]
    proc = await Session(home=tmp_path).start("Read.", model=ScriptedModel(turns), tools=[fn], approve="auto")
    assert proc.reason == "answered"
    return [e.d["result"] for e in proc.events if e.k == "call.finished"]


async def test_a_read_with_a_connection_of_the_users_thread_is_made_there_from_then_on(tmp_path):
    connection, threads = sqlite3.connect(":memory:"), []

    @tool(**READ)
    def rows():
        """Count."""
        threads.append(threading.current_thread())
        return connection.execute("select 7").fetchone()[0]

    assert await ran(tmp_path, rows, times=2) == ["7", "7"]
    assert threads[0] is not threading.main_thread()
    assert threads[1:] == [threading.main_thread()] * 2


class Wrapped(Exception):
    """What a library makes of a driver's error."""


async def test_a_read_whose_library_wraps_the_error_is_made_on_the_users_thread(tmp_path):
    connection = sqlite3.connect(":memory:")

    @tool(**READ)
    def rows():
        """Count."""
        try:
            return connection.execute("select 7").fetchone()[0]
        except sqlite3.Error as error:
            raise Wrapped("the query failed") from error

    assert await ran(tmp_path, rows) == ["7"]


async def test_a_read_of_a_value_of_the_users_thread_alone_is_made_there(tmp_path):
    mine = threading.local()
    mine.rows = 7

    @tool(**READ)
    def rows():
        """Count."""
        return mine.rows

    assert await ran(tmp_path, rows) == ["7"]


@pytest.mark.parametrize(
    "error",
    [ValueError("no thread 17 in this forum"), KeyError("thread"), sqlite3.ProgrammingError("closed database")],
)
async def test_a_read_whose_error_only_speaks_of_threads_is_made_once(tmp_path, error):
    made = []

    @tool(**READ)
    def post():
        """Read."""
        made.append(1)
        raise error

    (result,) = await ran(tmp_path, post)
    assert len(made) == 1 and type(error).__name__ in result


async def test_an_awaitable_that_a_sync_read_gives_is_awaited_on_the_users_loop(tmp_path):
    here, loops = asyncio.get_running_loop(), []

    async def later():
        loops.append(asyncio.get_running_loop())
        return 8

    @tool(**READ)
    def soon():
        """Count."""
        return later()

    assert await ran(tmp_path, soon) == ["8"]
    assert loops == [here]


@pytest.mark.parametrize("said", [True, False])
async def test_a_read_runs_where_its_declaration_says(tmp_path, said):
    threads = []

    @tool(**READ, thread=said)
    def where():
        """Count."""
        threads.append(threading.current_thread() is threading.main_thread())
        return 1

    await ran(tmp_path, where)
    assert threads == [not said]


async def test_a_read_that_fails_for_other_reasons_is_made_once(tmp_path):
    made = []

    @tool(**READ)
    def broken():
        """Count."""
        made.append(1)
        raise ValueError("no such row")

    assert await ran(tmp_path, broken) == ["ValueError: no such row"]
    assert made == [1]
