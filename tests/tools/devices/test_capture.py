"""Output goes to the step that made it, and to nobody else."""

import asyncio
import sys
import threading

import pytest
from hypothesis import given, strategies as st

from llmos_nb.tools.devices.python import capture
from llmos_nb.tools.devices.python.capture import Record, Sink, captured, outside_steps
from llmos_nb.tools.devices.python.shown import pieces


class Page:
    def __init__(self):
        self.texts, self.bundles = [], []

    def sink(self, ip=None):
        return captured(self.texts.append, self.bundles.append, ip)

    @property
    def text(self):
        return "".join(self.texts)


@pytest.fixture(autouse=True)
def streams_come_back():
    before = sys.stdout, sys.stderr
    yield
    capture.uninstall()
    assert (sys.stdout, sys.stderr) == before


def test_output_is_shown_and_recorded(capsys):
    page = Page()
    with page.sink() as sink:
        print("a", 1)
        sys.stderr.writelines(["b", "\n"])
    print("mine")
    assert page.text == sink.record.text == "a 1\nb\n"
    assert capsys.readouterr() == ("mine\n", "")


async def test_two_steps_at_once_are_kept_apart():
    turns = [asyncio.Event(), asyncio.Event()]

    async def step(name, mine, other):
        page = Page()
        with page.sink():
            for i in range(3):
                print(name, i)
                other.set()
                await mine.wait()
                mine.clear()
            other.set()
        return page.text

    found = await asyncio.gather(step("a", *turns), step("b", *turns[::-1]))
    assert found == ["a 0\na 1\na 2\n", "b 0\nb 1\nb 2\n"]


def test_a_thread_of_a_step_has_no_sink(capsys):
    page = Page()
    with page.sink():
        thread = threading.Thread(target=print, args=("from a thread",))
        thread.start()
        thread.join()
    assert page.text == "" and capsys.readouterr().out == "from a thread\n"


async def test_threads_outliving_a_step_print_outside_it(capsys):
    page, go = Page(), asyncio.Event()

    async def later():
        await go.wait()
        print("late")

    with page.sink():
        task = asyncio.create_task(later())
    go.set()
    await task
    assert page.text == "" and capsys.readouterr().out == "late\n"


def test_views_print_outside_the_step(capsys):
    lines = []

    def view(text):
        lines.append(text)
        print("view", text, end="")

    with captured(view, view) as sink:
        print("x")
        outside_steps(print)("aside")
    assert sink.record.text == "x\n" and "".join(lines) == "x\n"
    assert "aside" in capsys.readouterr().out


def test_failing_view_does_not_fail_the_step():
    with captured(lambda text: 1 / 0, lambda bundle: 1 / 0) as sink:
        print("x")
        sink.display({"text/plain": "y", "text/html": "<b>y</b>"})
    assert sink.record.text == "x\ny\n"


def test_rebinding_or_closing_the_streams_affects_only_the_step(capsys):
    with Page().sink():
        sys.stdout.close()
        sys.stdout = None
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_only_text_is_accepted():
    with Page().sink(), pytest.raises(TypeError, match="must be str, not int"):
        sys.stdout.write(1)


def test_installing_twice_is_installing_once():
    capture.install()
    first = sys.stdout
    capture.install()
    assert sys.stdout is first
    assert first.isatty() in (True, False) and first.encoding


def test_a_flood_is_bounded_for_the_page_and_for_the_record():
    page = Page()
    with page.sink() as sink:
        for _ in range(100):
            print("é" * 10_000)
    assert len(page.text) < capture.SHOWN_CHARS + 200 and page.text.endswith("recorded and not shown …\n")
    assert sink.record.size == 100 * 20_001
    assert len(sink.record.text.encode()) <= 32_768 and "bytes left out" in sink.record.text


def test_an_image_becomes_a_part_with_words():
    page = Page()
    with page.sink() as sink:
        sink.display({"image/png": "aGk=", "text/plain": "<Figure>"})
        sink.display({"image/png": "not base64!", "text/plain": "<Broken>"})
    (part,) = sink.images
    assert (part.kind, part.mime, part.data, part.text) == ("image", "image/png", b"hi", "<Figure>")
    assert sink.record.text == "<Figure>\n<Broken>\n" and len(page.bundles) == 2
    assert page.text == "<Broken>\n", "what a picture shows is seen"


def test_an_update_of_a_display_is_shown_and_not_recorded():
    page = Page()
    with page.sink() as sink:
        sink.display({"text/plain": "50 %", "text/html": "<b>50 %</b>"}, update=True)
    assert sink.record.text == "" and len(page.bundles) == 1


@given(st.lists(st.text()))
def test_a_short_record_is_what_was_written(texts):
    record = Record()
    for text in texts:
        record.add(text)
    whole = "".join(texts)
    assert record.size == len(whole.encode("utf-8", "replace"))
    if whole.isascii() and whole.isprintable() and len(whole) < 1000:
        assert record.text == whole


@given(st.lists(st.text(min_size=1, max_size=400), max_size=40), st.integers(100, 500))
def test_a_long_record_keeps_head_and_tail_within_the_limit(texts, limit):
    record = Record(limit)
    for text in texts:
        record.add(text)
    assert len(record.text.encode()) <= limit
    whole = "".join(texts)
    if whole.isascii() and whole.isprintable() and len(whole) > limit:
        assert record.text[:20] == whole[:20] and record.text[-20:] == whole[-20:] and "left out" in record.text


@pytest.mark.parametrize(
    ("plain", "read", "own"),
    [
        ("<IPython.core.display.Markdown object>", "**b**", ["<IPython.core.display.Markdown object>"]),
        ("<acme.Report object at 0x7f1c>", "**b**", ["<acme.Report object at 0x7f1c>"]),
        ("Report of May", "Report of May", []),
    ],
)
def test_markdown_whose_object_has_no_text_of_its_own_is_read_and_a_cell_keeps_its_own(plain, read, own):
    shown = []
    sink = Sink(shown.append, lambda bundle: None)
    sink.write("p\n")
    sink.display({"text/plain": plain, "text/markdown": "**b**"})
    assert "".join(shown) == f"p\n{read}\n"
    kept = pieces(sink, f"p\n{read}", ())["outputs"]
    assert kept == [["stdout", 2], ["display", len(read) + 1, *own]]
