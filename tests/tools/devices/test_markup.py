"""What HTML shows, as Markdown in which nothing of it acts."""

import pandas as pd
import pytest
from hypothesis import given, strategies as st

from llmos_nb.tools.devices.python import markup
from llmos_nb.tools.devices.python.capture import captured
from llmos_nb.tools.devices.python.markup import as_markdown
from llmos_nb.tools.devices.python.shown import pieces

FRAME = pd.DataFrame({"kg": [2.5, None], "who": ["Ann|Bob", "<i>Cy"]})
BARE = "<IPython.core.display.HTML object>"


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<b>Sum</b>: 5 &lt; 6", "**Sum**: 5 < 6"),
        ("<h2>A</h2>one<br>two<p>three\n  four</p>", "## A\n\none\n\ntwo\n\nthree four"),
        ("<ul><li>a<li><em>b</em></ul><p>c", "- a\n- *b*\n\nc"),
        ("<pre>a  b\n c</pre>", "```\na  b\n c\n```"),
        (
            "<style>b {}</style><script>alert(1)</script><b></b><svg><text>x</text></svg><img src='http://h/x'>",
            "",
        ),
        ("<a href='javascript:alert(1)' onclick='x()'>go</a>", "go"),
        (
            FRAME.to_html(),
            "|  | kg | who |\n| ---: | ---: | --- |\n| 0 | 2.5 | Ann\\|Bob |\n| 1 | NaN | <i>Cy |",
        ),
        (
            "<table><tr><th rowspan=2>a</th><td colspan=2>b</td></tr><tr><td>1</td><td>2</td></tr></table>",
            "| a | b |  |\n| --- | ---: | ---: |\n|  | 1 | 2 |",
        ),
        ("<table></table>", ""),
        ("<![odd[", ""),
        (None, ""),
    ],
)
def test_html_becomes_markdown_without_what_acts(html, shown):
    assert as_markdown(html) == shown


def test_a_long_table_is_cut_and_a_flood_is_left_out():
    rows = as_markdown(pd.DataFrame({"n": range(100)}).to_html(max_rows=100)).splitlines()
    assert len(rows) == markup.ROWS + 3 and rows[-1] == "| … | … |"
    assert as_markdown("<p>x" * markup.MOST) == as_markdown("x" * (markup.CHARS + 1)) == ""


@given(st.text(alphabet="<>/!-[]trdhpblicosn =1\"'&;|x\n", max_size=120))
def test_no_html_is_too_odd_to_be_read(html):
    assert isinstance(as_markdown(html), str)


def test_a_display_keeps_what_it_shows_beside_its_text():
    with captured(lambda text: None, lambda bundle: None) as sink:
        sink.display({"text/plain": repr(FRAME), "text/html": FRAME.to_html()})
        sink.display({"text/plain": BARE, "text/html": "<h3>Sum</h3><script>x</script>"})
        sink.display({"text/plain": "7", "text/html": "<b>7</b>"})
    text = sink.record.text.removesuffix("\n")
    assert text == f"{FRAME!r}\n### Sum\n7", "the model reads the text, and words of what has none"
    told = pieces(sink, text, [])
    assert [o[2:] for o in told["outputs"]] == [[], [BARE], []], "a cell of the same code has this text"
    assert sink.forms == [as_markdown(FRAME.to_html()), "", ""]
