"""A run goes on where it was, or nowhere: the endpoint stands in the journal. Looking at a run needs no model."""

from __future__ import annotations

import pytest
from endpoint import Endpoint

import llmos_nb as llmos
from llmos_nb.errors import ConfigError
from llmos_nb.journal.events import RunStarted

ASKS = {"calls": [{"name": "ask", "arguments": {"question": "Which one?"}}]}
DONE = {"text": "the blue one"}
MOCK = "http://127.0.0.1:9/v1"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "LLMOS_MODEL", "LLMOS_API_KEY"):
        monkeypatch.delenv(name, raising=False)


async def waiting_run(server, monkeypatch, spec="openai/m"):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    process = await llmos.run("choose", model=spec, namespace={}, plan="none")
    assert process.state == "waiting"
    return process


def loaded(process):
    return llmos.Session({}).load(process.journal.path)


@pytest.mark.parametrize("spec", ["openai/m", None])
async def test_a_resume_goes_on_where_the_run_began_whatever_the_environment_says_by_now(monkeypatch, spec):
    async with Endpoint([ASKS, DONE], models=("m",)) as server, Endpoint([DONE], models=("m",)) as other:
        process = await waiting_run(server, monkeypatch, spec)
        monkeypatch.setenv("OPENAI_BASE_URL", other.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-company")
        again = loaded(process)
        await again.resume()
        again.reply("the blue one")
        await again
        assert (again.reason, len(server.requests), other.requests) == ("answered", 2, [])
        assert "sk-of-another-company" not in str([r.headers for r in server.requests])
        assert again.run.state.endpoint == server.url


async def test_a_resume_needs_nothing_where_the_run_was_begun_with_a_base_url(monkeypatch):
    async with Endpoint([ASKS, DONE], models=("m",)) as server:
        process = await llmos.run("choose", model="openai/m", base_url=server.url, namespace={}, plan="none")
        again = loaded(process)
        await again.resume()
        again.reply("the blue one")
        await again
        assert (again.reason, len(server.requests)) == ("answered", 2)


@pytest.mark.parametrize("key", ["OPENAI_API_KEY", "LLMOS_API_KEY"])
async def test_a_resume_goes_nowhere_else_and_sends_no_key_where_the_one_of_that_place_is_lacking(monkeypatch, key):
    monkeypatch.setattr("llmos_nb.models.providers.is_loopback", lambda url: False)
    async with Endpoint([ASKS], models=("m",)) as server, Endpoint([DONE], models=("m",)) as other:
        process = await waiting_run(server, monkeypatch)
        monkeypatch.setenv("OPENAI_BASE_URL", other.url)
        monkeypatch.setenv(key, "sk-of-another-company")
        again = loaded(process)
        with pytest.raises(ConfigError, match=f"set OPENAI_BASE_URL={server.url}") as caught:
            await again.resume()
        assert other.url in str(caught.value) and f"resume {again.pid} -m SPEC" in str(caught.value)
        assert (len(server.requests), other.requests) == (1, [])
        monkeypatch.delenv("OPENAI_BASE_URL")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-company")
        with pytest.raises(ConfigError, match=r"openai/m is at https://api\.openai\.com/v1 now"):
            await loaded(process).resume()


async def test_a_resume_goes_elsewhere_where_somebody_says_so(monkeypatch):
    async with Endpoint([ASKS]) as server, Endpoint([DONE]) as other:
        process = await waiting_run(server, monkeypatch)
        again = loaded(process)
        await again.resume(model=f"{other.url}#n")
        again.reply("the blue one")
        await again
        assert (again.reason, len(other.requests)) == ("answered", 1)


async def test_the_endpoint_stands_in_the_first_event_before_anything_is_asked(monkeypatch):
    async with Endpoint([]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        process = llmos.Session({}).create("choose", model="openai/m")
        assert process.run.journal.began.endpoint == server.url
        monkeypatch.setenv("OPENAI_BASE_URL", MOCK)
        with process.run.journal.held():
            pass
        assert loaded(process).run.model.endpoint == server.url


async def test_a_run_that_has_ended_is_looked_at_with_no_key(monkeypatch):
    async with Endpoint([DONE]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        process = await llmos.run("choose", model="openai/m", namespace={})
    monkeypatch.delenv("OPENAI_BASE_URL")
    again = llmos.load(process.journal.path)
    assert (again.state, again.answer) == ("ended", "the blue one")
    assert again.digest == process.digest


def test_a_former_journal_says_nothing_of_the_endpoint():
    assert RunStarted(goal="g", model="m", name="", pid=1, budget={}, parent=None).endpoint is None
