"""TAB on our lines and in goals: by the table of verbs, and through a real IPython."""

import subprocess
import sys

import pytest

from llmos_nb.app import verbs
from llmos_nb.app.completion import AtHand, complete
from llmos_nb.errors import UsageError
from llmos_nb.models import catalogue
from llmos_nb.policy import MODES
from llmos_nb.process import briefing
from llmos_nb.session import tightening
from llmos_nb.tools.devices.child import parse_untrusted

AGENT = [v.name for v in verbs.BUILT_IN.values() if v.agent]
NAMES = {"cars": [1], "carts": [2], "_hidden": 3, "carry": lambda: 4}
HAND = AtHand(lambda: ["1", "one"], NAMES, lambda key: ["r2.0"] if key == "one" else [])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("%agent un", ["undo"]),
        ("%agent rep", ["replay", "reply"]),
        ("rows = %agent tr", ["trace", "tree", "trust"]),
        ("%agent approve ", ["--upto", "--without", "1", "one"]),
        ("%agent approve 1 plan --w", ["--without"]),
        ("%agent approve o", ["one"]),
        ("%agent approve one ", ["--upto", "--without", "all", "plan", "r2.0"]),
        ("%agent diff 1 o", ["one"]),
        ("%agent nice 1 ", []),
        ("%agent undo 1 --", ["--to"]),
        ("%agent log one --d", ["--decisions"]),
        ("%agent prune --yes --k", ["--keep"]),
        ("%agent mcp re", ["remove"]),
        ("%agent skill s", ["save"]),
        ("%agent nothing x", []),
        ("%agent secret ca", ["cars", "carts"]),
        ("%agent export 1 --lock in", ["index", "installed"]),
        ("%agent resume 1 -m ol", ["ollama/"]),
        ("%%agent --app", ["--approve"]),
        ("%%agent -a step --is", ["--isolate"]),
        ("%%agent -a ", sorted(MODES)),
        ("%%agent one --plan o", ["only"]),
        ("%%agent --model openai/gpt-4o", ["openai/gpt-4o", "openai/gpt-4o-mini"]),
        ("%%agent -t files,w", ["web"]),
        ("%%agent -t sql,car", ["carry"]),
        ("%%agent --vars -ca", ["cars", "carts"]),
        ("%%agent -b ", []),
        ("%%agent --bg --ch", ["--check"]),
        ("%%agent\nSum `ca", ["cars", "carts"]),
        ("# why\n%%agent -a auto\nUse `cars`, then `cart", ["carts"]),
        ("%%agent\nHand over &`ca", ["carry"]),
        ("%%agent\n`cars` and ca", None),
        ("%%agent\nLook at !`ca", None),
        ("x = 1\n`ca", None),
        ("agent = 1", None),
        ("%agents ", None),
        ("%agent", None),
    ],
)
def test_completion_offers_what_may_stand_next(line, found):
    offered = complete(line, HAND)
    assert (offered and offered[1]) == found


def test_completion_offers_every_verb_and_every_flag():
    assert set(complete("%agent ", AtHand(list))[1]) == {"--help", *AGENT}
    for name in AGENT:
        flags = {f for flag in verbs.BUILT_IN[name].agent.flags for f in flag.names}
        assert flags == {w for w in complete(f"%agent {name} -", AtHand(list))[1] if w.startswith("-")}
    assert {"-m", "--model", "-a", "--bg"} <= set(complete("%%agent -", AtHand(list))[1])


def test_values_that_are_offered_are_those_that_are_taken():
    assert complete("%%agent --plan ", HAND)[1] == sorted(tightening.PLANNING)
    for how in complete("%%agent --untrusted ", HAND)[1]:
        assert parse_untrusted(how, "untrusted") == how
    for spec in complete("%%agent -m ", HAND)[1]:
        assert spec.rstrip(":/") in ("script", "replay", "ollama") or catalogue.price(spec) is not None


def test_completion_in_a_process_that_is_not_at_hand_offers_no_call():
    def refuse(key):
        raise UsageError(key)

    assert complete("%agent approve 9 r", AtHand(list, {}, refuse)) == ("r", [])


COMPLETES = """
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.completer import provisionalcompleter
ip = InteractiveShell.instance()
ip.run_line_magic("load_ext", "llmos_nb")
def offered(text):
    with provisionalcompleter():
        return [text[:c.start] + c.text + text[c.end:] for c in ip.Completer.completions(text, len(text))]
ip.user_ns["cars"] = 1
for text, wanted in {
    "%agent un": ["%agent undo"],
    "x = 1\\n%agent undo 1 --t": ["x = 1\\n%agent undo 1 --to"],
    "%%agent -m openai/gpt-5-n": ["%%agent -m openai/gpt-5-nano"],
    "%%agent -m scr": ["%%agent -m script:"],
    "%%agent -t files,w": ["%%agent -t files,web"],
    "%%agent -a auto\\nSum `ca": ["%%agent -a auto\\nSum `cars"],
}.items():
    assert offered(text) == wanted, (text, offered(text))
assert "print" in offered("prin")
ip.run_line_magic("unload_ext", "llmos_nb")
assert ip.Completer.custom_matchers == [] and offered("%agent un") != ["%agent undo"]
"""


def test_ipython_completes_while_the_extension_is_loaded(tmp_path):
    done = subprocess.run([sys.executable, "-c", COMPLETES], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# names in goals


def test_a_misspelt_name_in_backticks_is_said_with_the_nearest():
    said = briefing.misspelt("Sum `crs` by `carts`, hand over &`cary`.", NAMES)
    assert said == ["`crs`: no such variable; did you mean `cars`?"]


def test_variables_within_an_expression_of_the_goal_are_those_that_it_names():
    there = dict.fromkeys(("orders", "x", "f", "rate", "row", "total"))
    goal = (
        "Check `orders.groupby('x')[rate].sum()` by &`f`, !`x` and `[row for row in orders if lambda x: x]`; `total of`"
    )
    assert briefing.named(goal, there) == ["orders", "rate"]
    assert briefing.shown_names("Why is `orders.sum()` odd?", there, "") == ["orders"]


def test_names_that_a_goal_may_want_made_or_that_are_columns_are_not_called_misspelt():
    pandas = pytest.importorskip("pandas")
    there = {**NAMES, "table": pandas.DataFrame({"cats": [1]})}
    assert briefing.misspelt("Make `total` of `cats`, `len` and `_hidde`.", there) == []
