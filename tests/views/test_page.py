"""The static form: it speaks in a saved notebook, and nothing in it is live."""

import re
from base64 import b64encode
from html.parser import HTMLParser

import pytest
from fixtures_journals import STATES, hostile
from fixtures_writer import ANSWER, CODES, GOAL, RESULTS, Writer
from hypothesis import given, settings, strategies as st

from llmos_nb.process import answers
from llmos_nb.views import page
from llmos_nb.views.markdown import html as markdown, text as escaped

BLOCKS = {"h3", "h4", "p", "ol", "ul", "li", "pre", "br", "details", "summary"}
TAGS = BLOCKS | {"b", "i", "code", "span", "img", "table", "caption", "tr", "th", "td"}
ATTRIBUTES = {"style", "scope", "open", "start", "alt", "src"}
STYLES = re.compile(r"[a-z0-9:;,.#% -]*")


class Reader(HTMLParser):
    """Reads tags, attributes and text as a browser does."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_decl = handle_pi = unknown_decl = handle_comment


def harmless(html):
    found = Reader(html)
    assert set(found.tags) <= TAGS and {k for k, _ in found.attributes} <= ATTRIBUTES and not found.open
    for name, value in found.attributes:
        assert name != "src" or re.fullmatch(r"data:image/(svg\+xml|png);base64,[A-Za-z0-9+/=]+", value)
        assert name != "style" or STYLES.fullmatch(value)
        assert name != "start" or value.isdecimal()
    return found


@pytest.mark.parametrize("name", STATES)
def test_page_of_every_state_is_readable_and_inert(name):
    w = STATES[name]()
    found = harmless(page.html(w.state, w.events))
    words = "".join(found.words)
    assert GOAL in words and "process 3" in words and "%agent show 3" in words
    assert dict(found.attributes)["alt"].startswith("The loop:") and found.tags.count("img") == 1
    for step in w.state.plan.steps:
        assert step.title in words
    assert "for you" not in words and "by you" not in words


PNG = b"\x89PNG and so on"


def drawn(alt="figure: 1 line", times=1, data=PNG):
    """A process whose first step printed and drew."""
    w = Writer().planned()
    call = w.call(code=CODES[0])
    w.allow(call).add("call.started", call=call, key="k", epoch=1)
    images = [{"mime": "image/png", "text": alt, "data": data.hex()}] * times
    return w.add("call.finished", call=call, ok=True, result="344 rows", size=8, error="", images=images)


def test_the_output_of_each_call_stands_in_the_saved_form_with_its_pictures():
    w = drawn(alt='"><script>')
    html = page.html(w.state, w.events)
    found = harmless(html)
    assert "Output of step 1, r2.0" in html and "344 rows" in "".join(found.words)
    pictures = [value for name, value in found.attributes if name == "src"]
    assert pictures[1] == f"data:image/png;base64,{b64encode(PNG).decode()}"
    assert found.tags.count("img") == 2 and '"><script>' in [v for name, v in found.attributes if name == "alt"]


def test_pictures_beyond_the_bound_are_named_and_not_shown():
    w = drawn(times=3, data=bytes(400_000))
    html = page.html(w.state, w.events)
    assert html.count("image/png") == 2 and "A picture of 400 KB is not shown here: figure: 1 line." in html


def test_what_was_taken_back_is_no_output():
    w = drawn().add("call.undone", call="r2.0")
    assert "Output of" not in page.html(w.state, w.events)


def test_the_plan_says_status_evidence_and_call_in_words():
    w = STATES["finished"]()
    words = "".join(Reader(page.html(w.state, w.events)).words)
    assert "(done, after 1, 0.2 s, $0.0005)" in words and f"{RESULTS[1]} r3.0" in words
    assert "(failed, after 1, 0.1 s, $0.0005, replaced by 5)" in words
    assert "approved by a person" in words


def test_the_open_question_has_code_tables_and_the_command_that_answers():
    w = STATES["waiting"]()
    html = page.html(w.state, w.events)
    words = "".join(Reader(html).words)
    assert CODES[2] in words and "Step 3 wants to replace a file" in words
    assert "cannot be undone (the file from 12 November" in words
    assert "%agent approve 3 r4.0" in words
    assert '<caption style="text-align:left">What this call reads and writes</caption>' in html
    assert html.count('scope="col"') == 4 and html.count('scope="row"') == 2


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("question", '%agent reply 3 "…"'),
        ("doubt", "%agent resolve 3 r4.0 --done"),
        ("proposed", "%agent approve 3"),
    ],
)
def test_each_question_names_its_command(name, command):
    w = STATES[name]()
    assert command in "".join(Reader(page.html(w.state, w.events)).words)


def test_page_shows_the_answer_and_where_its_numbers_are_from():
    w = STATES["finished"]()
    words = "".join(Reader(page.html(w.state, w.events)).words)
    assert "Birds on Biscoe are the heaviest" in words and "every number" not in words
    assert "Where each number of the answer is from" in words and "4,716" in ANSWER
    known = answers.numbers(w.state)
    assert f"Numbers of the answer: {answers.counted(known)}." in words and len(known) == 3


def test_a_long_plan_is_folded_and_keeps_its_numbers():
    w = STATES["many"]()
    html = page.html(w.state, w.events)
    assert "<details><summary>Steps 1–22 done" in html and '<ol start="23"' in html


def test_steps_that_were_moved_say_their_numbers():
    w = STATES["waiting"]()
    steps = w.state.plan.plain()
    w.add("plan.edited", version=9, steps=[steps[0], steps[1], steps[3], steps[2]], by="you")
    assert "<li>step 4: <b>" in page.html(w.state, w.events)


def test_200_steps_stay_small():
    w = Writer().start()
    w.propose([(f"Read file {i}", "rows", ()) for i in range(50)]).approve_plan()
    for i in range(200):
        w.step(1, "a result of a step that says quite a lot " * 5, code=f"rows_{i} = read({i})")
    assert len(page.html(w.state, w.events)) + len(page.plain(w.state, w.events)) < 300_000


def test_the_sibling_names_process_and_the_way_back_and_not_the_goal_again():
    w = STATES["running"]()
    found = harmless(page.sibling(w.state))
    words = "".join(found.words)
    assert "penguins, process 3" in words and "%agent show 3" in words and GOAL[:20] not in words


def test_plain_is_80_columns_of_text():
    w = STATES["waiting"]()
    lines = page.plain(w.state, w.events).splitlines()
    assert max(map(len, lines)) <= 80 and "[YOU]" in "\n".join(lines) and "◇ 3" in "\n".join(lines)


# what a run says never becomes markup

MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--",
    "]]>",
    "</pre>",
    "&lt;b&gt;",
    "'",
    '"',
]
MARKS = [
    "`",
    "**",
    "![a](https://x.test/p.png)",
    "[a](javascript:alert(1))",
    "|",
    "\n|-|\n",
    "# ",
    "- ",
    "1. ",
    "```",
]
REST = [
    "$x$",
    "\\(",
    "\x00",
    "\u202e",
    "\ud800",
    "r1.0",
    "<svg/onload=x>",
    "</details>",
    "style=",
    "\n\n",
    "&#x3c;b>",
]
PIECES = st.sampled_from([*MARKUP, *MARKS, *REST])
NASTY = st.lists(PIECES | st.text(max_size=8), min_size=1, max_size=8).map("".join)


@given(NASTY)
@settings(max_examples=25, deadline=None)
def test_no_text_of_a_run_becomes_a_tag_or_an_attribute(text):
    for w in hostile(text):
        html = page.html(w.state, w.events)
        found = harmless(html)
        assert found.tags.count("img") == 1
        harmless(page.sibling(w.state))
        html.encode("utf-8")


@given(NASTY)
@settings(max_examples=300, deadline=None)
def test_markdown_is_harmless_whatever_it_holds(text):
    found = harmless(markdown(text))
    assert "img" not in found.tags and {k for k, _ in found.attributes} <= {"style", "scope"}


@given(st.text())
def test_an_escaped_text_reads_as_it_was_written(text):
    found = harmless(escaped(text))
    assert set(found.tags) <= {"span"}
    if text.isascii() and text.isprintable():
        assert "".join(found.words) == text


def test_dollars_and_backslashes_are_no_formulas():
    assert escaped("$1 and $2, \\(x\\)").count("<span>$</span>") == 2
    assert "\\(" not in escaped("\\(x\\)")


# Markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** _c_ *d* `e`", "<p>a <b>b</b> _c_ <i>d</i> <code>e</code></p>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("## Head #", "<h4>Head</h4>"),
        ("- a\n- b\n  more", "<ul><li>a</li><li>b more</li></ul>"),
        ("1. a\n2) b", "<ol><li>a</li><li>b</li></ol>"),
        ("3. a\n   - b\n   - c\n4. d", '<ol start="3"><li>a<ul><li>b</li><li>c</li></ul></li><li>d</li></ol>'),
        ("[site](https://x.test) ![p](y.png)", "<p>site (https://x.test) p (y.png)</p>"),
        ("see r3.0", "<p>see <code>r3.0</code></p>"),
        ("**a `b` c**", "<p><b>a <code>b</code> c</b></p>"),
    ],
)
def test_markdown_becomes_html(text, html):
    assert markdown(text) == html


def test_markdown_tables_and_fences_become_html():
    html = markdown("| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nx < y\n```\nafter")
    assert re.sub(r' style="[^"]*"', "", html) == (
        '<table><tr><th scope="col">a</th><th scope="col">b</th></tr><tr><td>1</td><td>2</td></tr></table>\n'
        "<pre>x &lt; y</pre>\n<p>after</p>"
    )
    html = markdown("| a | b |\n|---|--:|\n| 1 \\| 3 | 2 |")
    assert re.findall(r'"text-align:(\w+)[^>]*>([^<]*)', html) == [
        ("left", "a"), ("right", "b"), ("left", "1 | 3"), ("right", "2")
    ]  # fmt: skip
    assert markdown("```\nnever closed").startswith("<pre")


def test_long_rows_of_marks_are_read_in_no_time():
    harmless(markdown("\n".join(" " * n + "- a" for n in range(0, 6000, 2))))
    harmless(markdown("**" * 20_000 + "[" * 20_000 + "`" * 2_001))
