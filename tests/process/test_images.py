"""Figures and images as observations: to models that take images, in words to the rest; journals stay small."""

import json
from dataclasses import replace

import pytest
from notebook_driver import Notebook
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.messages import Message, Part
from llmos_nb.process import images
from llmos_nb.tools.devices.python.display import render

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.title('sales')"


@pytest.fixture
def recorder(script):
    """A scripted model that keeps the messages of its requests; `images` is what it takes."""

    def make(*turns, images):
        model = script(*turns)
        model.traits, model.requests, respond = replace(model.traits, images=images), [], model.respond

        async def keeping(request, on_text):
            model.requests.append([json.loads(m.encoded) for m in request.messages])
            return await respond(request, on_text)

        model.respond = keeping
        return model

    return make


@pytest.fixture(scope="module")
def png():
    """An image of 640 × 480 pixels."""
    from matplotlib.figure import Figure

    return render(Figure())


def urls(message):
    parts = message.get("content")
    parts = parts if isinstance(parts, list) else []
    return [p["image_url"]["url"] for p in parts if p["type"] == "image_url"]


async def test_a_figure_goes_to_a_model_that_takes_images(recorder):
    model = recorder(python(PLOT), {"text": "a line"}, images=True)
    proc = await llmos.run("Plot it.", model=model, namespace={}, approve="auto")
    said = model.requests[-1]
    assert [m["role"] for m in said] == ["system", "user", "assistant", "tool", "user"]
    assert isinstance(said[3]["content"], str) and "figure: 1 line, title 'sales'" in said[3]["content"]
    (url,) = urls(said[4])
    assert url.startswith("data:image/png;base64,iVBOR") and "What r1.0 drew" in said[4]["content"][0]["text"]
    assert proc.reason == "answered" and same_as_folded(proc)


async def test_model_without_vision_gets_the_words_of_a_figure(recorder):
    model = recorder(python(PLOT), {"text": "a line"}, images=False)
    await llmos.run("Plot it.", model=model, namespace={}, approve="auto")
    said = model.requests[-1]
    assert "image_url" not in json.dumps(said) and "figure: 1 line, title 'sales'" in said[-1]["content"]


async def test_the_journal_stays_small_and_the_image_stands_beside_it(recorder):
    model = recorder(python(PLOT), {"text": "a line"}, images=True)
    proc = await llmos.run("Plot it.", model=model, namespace={}, approve="auto")
    (image,) = proc.run.state.calls["r1.0"].images
    assert len(image["data"]) > 5_000 and proc.journal.path.stat().st_size < 12_000
    assert [p.stat().st_size for p in (proc.journal.path.parent / "blobs").iterdir()] == [len(image["data"])]
    again = llmos.replay(proc.journal.path)
    assert again.run.state.calls["r1.0"].images == [image] and again.digest == proc.digest


async def test_image_leaves_room_in_the_window_and_the_budget(recorder):
    model = recorder(*[python(PLOT + f"  # {n}") for n in range(4)], {"text": "lines"}, images=True)
    proc = await llmos.run("Plot it.", model=model, namespace={}, approve="auto", budget="60k tokens")
    assert proc.reason == "answered" and not proc.run.state.context.pages
    assert [sum(len(urls(m)) for m in said) for said in model.requests] == [0, 1, 2, 3, 4]


async def test_an_image_named_in_the_goal_is_sent(recorder, tmp_path, monkeypatch, png):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chart.png").write_bytes(png)
    model = recorder({"text": "a chart"}, images=True)
    proc = await llmos.run("What does !`chart.png` show?", model=model)
    (said,) = model.requests
    assert len(urls(said[1])) == 1 and "Attached: chart.png: png image, " in said[1]["content"][0]["text"]
    assert proc.reason == "answered" and same_as_folded(proc)
    assert llmos.replay(proc.journal.path).run.state.context.head[-1].parts[0].data == png
    assert len(png) < 4_000 or proc.journal.path.stat().st_size < 8_000


async def test_model_without_vision_is_told_of_the_goal_image(recorder, tmp_path, png):
    file = tmp_path / "chart.png"
    file.write_bytes(png)
    model = recorder({"text": "I cannot see it"}, images=False)
    await llmos.run(f"What does !`{file}` show?", model=model)
    (said,) = model.requests
    assert isinstance(said[1]["content"], str) and "but you cannot see images" in said[1]["content"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.png", None, "cannot be read"),
        ("text.png", b"hello", "not a PNG"),
        ("a.svg", b"<svg/>", "not a PNG"),
    ],
)
async def test_file_that_is_no_image_starts_nothing(script, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        await llmos.run(f"See !`{tmp_path / name}`.", model=script({"text": "ok"}))
    assert not list(tmp_path.rglob("journal.jsonl"))


def test_of_many_images_the_oldest_leave_in_groups():
    def messages(count):
        return [
            Message("tool", "", call=f"r{n}.0", parts=(Part("image", "", "image/png", bytes([n])),))
            for n in range(count)
        ]

    shown = [sum(len(m.parts) for m in images.prompt(messages(n), True) if m.role == "user") for n in range(20)]
    assert max(shown) == images.MOST and shown[:9] == list(range(9)) and min(shown[9:]) > images.MOST - images.LEAVING
    assert images.prompt(messages(3), False) == tuple(messages(3))


def test_the_same_images_give_the_same_message():
    part = Part("image", "x", "image/png", b"1")
    said = [Message("tool", "", call="r1.0", parts=(part,)), Message("user", "go on")]
    assert images.prompt(said, True)[1] is images.prompt([*said, Message("user", "more")], True)[1]


def test_image_goal_works_in_a_notebook(tmp_path, png):
    (tmp_path / "chart.png").write_bytes(png)
    with Notebook(tmp_path) as book:
        spec = book.script(python(PLOT), {"text": "drawn"})
        ran = book.run(f"%%agent draw -m {spec}\nDraw it like !`chart.png`.", timeout=60)
        assert ran.status == "ok", ran.error
        assert any("image/png" in m["content"].get("data", {}) for m in ran.messages)
        ran = book.run(f"%%agent -m {spec}\nLike !`none.png`.")
        assert "UsageError: !`none.png`: cannot be read" in ran.error
