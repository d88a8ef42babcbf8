"""A coroutine that awaits nothing gives its value at once; one that awaits goes on in a task of the same context."""

import asyncio
from contextvars import ContextVar

import pytest

from llmos_nb.tools import at_once

WHERE: ContextVar[str] = ContextVar("WHERE", default="outside")


async def test_a_coroutine_that_awaits_nothing_gives_its_value_without_a_task():
    before = asyncio.all_tasks()

    async def three() -> int:
        return 3

    assert at_once(three()) == 3 and asyncio.all_tasks() == before


async def test_what_a_coroutine_raises_before_it_awaits_is_raised_at_once():
    async def wrong() -> None:
        raise LookupError("at once")

    with pytest.raises(LookupError, match="at once"):
        at_once(wrong())


@pytest.mark.parametrize("turns", [1, 2, 5])
async def test_one_that_awaits_goes_on_in_a_task_with_the_variables_that_it_has_set(turns):
    async def slow() -> str:
        token = WHERE.set("inside")
        for _ in range(turns):
            await asyncio.sleep(0)
        found = WHERE.get()
        WHERE.reset(token)  # which only the context allows in which it was set
        return found

    task = at_once(slow())
    assert isinstance(task, asyncio.Task) and WHERE.get() == "outside"
    assert await task == "inside"


async def test_it_awaits_futures_that_are_settled_before_its_task_begins():
    future = asyncio.get_running_loop().create_future()

    async def awaits() -> int:
        return await future

    task = at_once(awaits())
    future.set_result(4)
    assert await task == 4


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_cancelled_one_hears_of_it_where_it_stands_also_before_its_task_begins(turns):
    heard = []

    async def waits() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    task = at_once(waits())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["cancelled"]
