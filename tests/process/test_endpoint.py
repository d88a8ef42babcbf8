"""Who was asked, and where: recorded once, shown where the model is named, never with a secret."""

from urllib.parse import urlsplit

from endpoint import Endpoint

import llmos_nb as llmos
from llmos_nb.journal.events import ModelRequested, parse
from llmos_nb.models.openai.client import OpenAIModel
from llmos_nb.views import page
from llmos_nb.views.spans.export import spans_of
from llmos_nb.views.text.tables import logged, told

TURNS = [{"calls": [{"name": "python", "arguments": {"code": "1 + 1"}}]}, {"text": "two"}]


def asked(process):
    return [(e.d.get("model"), e.d.get("endpoint")) for e in process.events if isinstance(e.body, ModelRequested)]


async def test_model_and_endpoint_are_recorded_with_the_first_request_and_shown():
    async with Endpoint(TURNS) as server:
        place = server.url.partition("://")[2]
        process = await llmos.run("add", model=f"http://me:hush-hush@{place}#m", namespace={}, approve="auto")
    assert process.reason == "answered"
    assert asked(process) == [(f"http://{place}#m", f"http://{place}"), (None, None)]
    assert "hush-hush" not in process.journal.path.read_text()
    assert process.run.state.endpoint == f"http://{place}"
    again = llmos.replay(process.journal.path)
    assert again.run.state.endpoint == f"http://{place}"
    assert f"· m at {place} " in page.plain(again.run.state, again.events).splitlines()[0]
    assert f"request 1 to m at {place}" in logged(told(again.events))
    (chat, *_) = [s for s in spans_of(again.events) if s.name.startswith("chat")]
    at = urlsplit(server.url)
    assert (chat.attributes["server.address"], chat.attributes["server.port"]) == (at.hostname, at.port)


async def test_another_model_is_recorded_with_its_first_request(script):
    process = await llmos.run("add", model=script(TURNS[0]), namespace={}, approve="auto")
    assert process.reason == "failed" and asked(process)[0] == (None, None)
    async with Endpoint([{"text": "two"}]) as server:
        model = OpenAIModel("m", server.url, "sk-secret-key-1", label="house/m")
        await process.resume(model=model)
        await process
        await model.aclose()
    assert process.reason == "answered" and asked(process)[-1] == ("house/m", server.url)
    state = llmos.replay(process.journal.path).run.state
    assert (state.model, state.endpoint) == ("house/m", server.url)


async def test_a_secret_in_the_path_is_not_written(monkeypatch):
    monkeypatch.setenv("HOUSE_API_KEY", "zx81-zx81-zx81")
    async with Endpoint([{"text": "two"}]) as server:
        model = OpenAIModel("m", f"{server.url}/zx81-zx81-zx81/v1", "sk-secret-key-1")
        process = await llmos.run("add", model=model, namespace={}, approve="auto")
        await model.aclose()
    assert any("endpoint" in e.d for e in process.events)
    assert "zx81" not in process.journal.path.read_text()


def test_a_former_request_says_nothing_of_it():
    body = parse("model.requested", {"request": 1, "head": "", "ledger": 0, "window": []}, 1)
    assert isinstance(body, ModelRequested) and (body.model, body.endpoint) == ("", None)
