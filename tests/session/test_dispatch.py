"""Dispatch: a verb reaches the loop of its process from any thread, and says what was wrong where it was called."""

import asyncio
import threading

import pytest
from turns import call

from llmos_nb.errors import UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session


def ship(box: str) -> str:
    """Ship a box."""
    return f"shipped {box}"


@pytest.fixture
async def waiting(tmp_path):
    """A process that waits for a person's word about one call."""
    model = ScriptedModel([call("ship", box="a"), {"text": "ok"}])
    return await Session(home=tmp_path).start("ship it", model=model, tools=[ship])


async def test_a_verb_of_another_thread_is_carried_out_on_the_loop_of_the_process(waiting):
    threads = []
    waiting.run.listeners.append(lambda event, state: threads.append(threading.current_thread()))
    await asyncio.to_thread(waiting.send, "hurry")
    assert set(threads) == {threading.main_thread()} and waiting.run.state.status == "running"


async def test_what_is_wrong_with_a_verb_is_raised_in_the_thread_that_called_it(waiting):
    with pytest.raises(UsageError, match="no such call"):
        await asyncio.to_thread(waiting.approve, "r9.9")
    await asyncio.to_thread(waiting.approve, "r1.0")
    assert (await waiting).reason == "answered"


async def test_a_verb_on_a_process_without_a_loop_is_carried_out_at_once(waiting):
    waiting.dispatch.loop = None
    seen = waiting.dispatch.here, len(waiting.events)
    await asyncio.to_thread(waiting.send, "hurry")
    assert seen[0] and waiting.events[-1].d["text"] == "hurry"
