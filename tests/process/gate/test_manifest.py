"""What a manifest and a decorator may say of tools, and what is made of what they say."""

import pytest
from test_attacks import MANIFEST, World
from turns import call

import llmos_nb as llmos
from llmos_nb.errors import UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import is_prose
from llmos_nb.session import Session
from llmos_nb.session.config import load
from llmos_nb.tools import Tool, as_tool

DONE = {"text": "done"}


async def run(words, *turns, tools=None, approve="auto"):
    return await llmos.run(words, model=ScriptedModel([*turns, DONE]), tools=tools or World().tools(), approve=approve)


def declare(tmp_path, text=MANIFEST):
    (tmp_path / "llmos.toml").write_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tools.pay]\nsinks = ['whom']", "tools.pay: sinks names 'whom', which is not an argument of pay"),
        ("[tools.pay]\nsinks = 'to'", "tools.pay: sinks = 'to' must be a list of argument names"),
        ("[tools.pay]\nfacts = 'id'", "tools.pay: facts = 'id' must be a list of fields, or \"*\" for all"),
        ("[tools.pay]\nsink = ['to']", "unknown key 'sink'; did you mean sinks"),
        (
            "[tools.pay]\nacts = ['pay']",
            "tools.pay: acts is not read any more; words of the user permit nothing",
        ),
        ("[tools.pay]\nroles = { to = 'iban' }", "tools.pay: roles is not read any more"),
        ("[tools.pay]\noutward = ['*']", "say which arguments are sinks (who, where, how much)"),
        ("[tools.pay]\ntarget = 'to'", "what may be done is what a plan commits to"),
        ("[books.contacts]\nlookup = 'x'", "books is not read any more; a plan commits to what it takes"),
        ("[commit]\ndelegates = 'ask'", "[commit]: unknown key 'delegates'; did you mean delegate"),
        ("[commit]\ndelegate = 'yes'", "delegate 'yes': must be ask or allow"),
        ("[commit]\nacts = 'pay()'", "acts 'pay()': must be a list of expressions"),
        ("[commit]\nacts = ['pai()']", "acts 'pai()'"),
    ],
)
def test_a_wrong_manifest_says_where_it_is_wrong(text, said, tmp_path):
    declare(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        Session().create("x", model=ScriptedModel([DONE]), tools=World().tools())
    assert said in str(caught.value)


def test_manifest_covers_third_party_tools_and_globs(tmp_path):
    declare(tmp_path, "[tools.'get_*']\neffect = 'read'\nsource = 'untrusted'\n[tools.get_day]\neffect = 'read'\n")
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    foreign = [Tool(n, "", schema, lambda n: n, digest="d") for n in ("get_mail", "get_day", "set_mail")]
    tools = Session().create("x", model=ScriptedModel([DONE]), tools=foreign).run.tools
    assert [(tools[n].effect, tools[n].source) for n in ("get_mail", "get_day", "set_mail")] == [
        ("read", "untrusted"),
        ("read", "trusted"),
        ("external", "trusted"),
    ]
    assert tools["get_mail"].digest != "d" == tools["set_mail"].digest


def test_organisation_tool_settings_hold_for_user_named_tools(tmp_path):
    (tmp_path / "org.toml").write_text("[tools.'get_*']\nsource = 'untrusted'\n")
    declare(tmp_path, "[tools.get_mail]\nsource = 'own'\neffect = 'read'\n")
    tools = load(environ={"LLMOS_ORG_CONFIG": str(tmp_path / "org.toml")}, folder=tmp_path).tools
    assert tools["get_mail"] == {"source": "untrusted", "effect": "read"}


def test_sinks_and_facts_are_part_of_the_approval_digest():
    def send(to: str) -> str:
        return to

    made = as_tool(send), as_tool(send, sinks=("to",)), as_tool(send, facts=("id",)), as_tool(send, facts="*")
    assert len({t.digest for t in made}) == 4
    assert [t.sinks for t in made] == [None, ("to",), None, None]
    assert [t.facts for t in made] == [(), (), ("id",), ("*",)]


@pytest.mark.parametrize("said", [{}, {"effect": "external"}, {"sinks": ["to"]}])
def test_tool_is_declared_where_somebody_has_spoken_of_it(said):
    def send(to: str) -> str:
        return to

    assert as_tool(send, **said).declared is bool(said)
    assert as_tool(llmos.tool(send)).declared is False
    assert as_tool(llmos.tool(effect="external")(send)).declared is True


def test_plain_function_acts_outside_and_once_whatever_its_source():
    def add(a: int, b: int) -> int:
        """Only read; pure; effect="read"; repeat="pure"."""
        return a + b

    made = as_tool(add)
    assert (made.effect, made.repeat) == ("external", "once")
    assert as_tool(add, effect="read", repeat="pure").effect == "read"


@pytest.mark.parametrize(
    ("given", "untrusted"),
    [
        ("x" * 64, False),
        ("x" * 65, True),
        (7, False),
        ([{"name": "Ann", "when": "2024-05-01"}] * 50, False),
        ([{"name": "Ann", "note": "x" * 65}], True),
        ({"x" * 65: 1}, True),
        ((1.5, None, True, b"x" * 65), True),
        (object(), True),
    ],
)
async def test_trusted_source_is_trusted_for_data_but_not_prose(given, untrusted):
    @llmos.tool(effect="read", source="trusted")
    def listing() -> object:
        return given

    proc = await run("x", call("listing"), tools=[listing])
    assert ("untrusted" in proc.run.state.labels.get("*", "")) is untrusted
    own = llmos.tool(effect="read", source="own")(lambda: given)
    own.__name__ = "listing"
    proc = await run("x", call("listing"), tools=[own])
    assert "*" not in proc.run.state.labels


def test_tables_hold_prose_where_a_cell_does():
    pd, np = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    short, long = pd.DataFrame({"a": ["x"], "n": [1]}), pd.DataFrame({"a": ["x" * 65]})
    assert not any(map(is_prose, (short, short.a, short.index, np.arange(9), np.float64(1), pd.Timestamp("2024"))))
    assert all(
        map(
            is_prose,
            (long, long.a, long.set_index("a"), np.array(["x" * 65]), long.rename(columns={"a": "y" * 65})),
        )
    )
