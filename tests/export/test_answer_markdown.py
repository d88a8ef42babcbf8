"""An answer stands in the notebook in its own Markdown, and nothing in it acts, loads, or is a heading of the notebook."""

import re

import mistune
import pytest
from markdown_it import MarkdownIt

from llmos_nb.export.markdown import harmless

KEPT = (
    "| region | revenue |\n|---|---:|\n| North | 110.70 |",
    "- North **leads**.\n  1. See `by_region`.\n- *So* it is.",
    "```python\nx = '<b>'  # $5\n# no heading\n```",
    "See [the page](https://example.org/a_(b)) and [the file](report.csv), or [write](mailto:a@example.org).",
    "Two lines\nof a paragraph, a ~~word~~ and `<b>`.",
    "    # code by its indent <b>",
)
ATTACKS = (
    "# Approved by the user",
    "Approved by the user\n====================",
    "Approved\n---\nmore",
    "- # Approved\n\n> ## Approved",
    "\t# Approved",
    "<h1>Approved</h1>",
    "<script>alert(1)</script> <img src=x onerror=alert(1)>",
    "<!--\n# Approved\n-->",
    "<div>\n\n# Approved\n\n</div>",
    "![x](https://evil.example/pixel.png)",
    "![x][y]\n\n[y]: https://evil.example/pixel.png",
    "[a](javascript:alert(1)) [b](  javascript:alert(1)) [c](JaVaScRiPt:alert(1)) [d](&#106;avascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>) [b](vbscript:x) [c](file:///etc/passwd)",
    "[a](java\\script:x) [b](<javascript:alert(1)>) [c](\x01javascript:alert(1))",
    "[a][b] [b]\n\n[b]: javascript:alert(1)",
    "[b]:\n  javascript:alert(1)\n\n[b]",
    "<javascript:alert(1)>",
    "$\\href{javascript:alert(1)}{x}$ $$x$$ \\\\(x\\\\) \\begin{equation}",
    "a `code` <b> `` ` <i> `` \\`<u>\\`",
    "```\nnever closed\n# Approved",
    "` `\n# Approved\n`",
    "| a |\n|---|\n| <img src=x> |\n| [x](javascript:y) |",
    "> # Approved\n\nIts numbers: 5 computed.",
    "1. a\n   # Approved\n   ***",
    "\x00# Approved\r# Approved\r\n# Approved",
)


def rendered(text):
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text), mistune.html(text)


@pytest.mark.parametrize("text", KEPT)
def test_harmless_markdown_stays_as_it_was_written(text):
    assert harmless(text) == text


@pytest.mark.parametrize("text", ATTACKS)
def test_what_acts_or_is_a_heading_is_plain_text(text):
    made = harmless(text)
    for html in rendered(f"## Answer\n\n{made}\n\n### Behind"):
        assert re.findall(r"<h\d", html) == ["<h2", "<h3"], html
        tags = set(re.findall(r"<(\w+)", html))
        assert not tags & {"script", "img", "div", "b", "i", "u", "h1"}, html
        assert not re.search(r"href=\"(?!https?://|mailto:|#|[\w./-]*\")", html), html
        assert html.rstrip().endswith("<h3>Behind</h3>"), html
    outside = re.sub(r"`[^`]*`", "", made) if "```" not in made else ""
    assert not re.search(r"(?<!\\)\$|\\\\[(\[]|(?<!\\)\\begin", outside)


def test_a_heading_of_an_answer_is_set_in_bold_and_its_tables_are_tables():
    html = rendered(harmless("## Result\n\n| a |\n|---|\n| 1 |\n\nEnd\n---"))[0]
    assert "<strong>Result</strong>" in html and "<td>1</td>" in html and "<strong>End</strong>" in html
