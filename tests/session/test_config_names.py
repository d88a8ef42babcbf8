"""Names in `llmos.toml` that nothing has are said when a process begins, and do not keep it from beginning."""

import warnings

import pytest

import llmos_nb as llmos
from llmos_nb.app.options import parse_cell
from llmos_nb.app.present.presenter import Presenter
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.session import Session

DONE = {"text": "ok"}


def send(to: str) -> str:
    """Send something."""
    return to


@pytest.fixture
def begun(tmp_path, capsys):
    """Begin a process of one session in a folder with a file of settings, and return what is to be said in lines."""
    session = Session({"mail": "x"})

    def begin(text, names=None, tools=(send,)):
        (tmp_path / "llmos.toml").write_text(text)
        session.namespace.update(names or {})
        process = session.create("Do it.", model=ScriptedModel([DONE]), tools=tools)
        assert process.state != "ended"
        assert "is here" not in "".join(capsys.readouterr())  # whoever presents the process says it
        return session.remarks()

    return begin


RULE = "[[policy.rules]]\ntool = '{}'\ndo = 'deny'\n"


@pytest.mark.parametrize(
    ("text", "where", "near"),
    [
        ("[tools.sennd]\neffect = 'read'", "[tools.sennd]: no tool", "did you mean send?"),
        (RULE.format("send") + RULE.format("sennd"), "policy.rules[1]: tool = 'sennd': no tool", "did you mean send"),
        (RULE.format("pithon"), "policy.rules[0]: tool = 'pithon': no tool", "did you mean python"),
        (RULE.format("reed_file"), "tool = 'reed_file': no tool", "did you mean read_file"),
        (RULE.format("files"), "tool = 'files': no tool", "is here"),  # a device, whose tools have other names
        (RULE.format("xqzw"), "tool = 'xqzw': no tool", "is here."),
        ("[labels]\nmial = 'secret'", "[labels]: mial: no variable", "did you mean mail?"),
    ],
)  # fmt: skip
def test_a_name_that_nothing_has_is_said_with_the_file_the_place_and_the_nearest(begun, tmp_path, text, where, near):
    (line,) = begun(text)
    assert line.startswith(f"llmos: {tmp_path / 'llmos.toml'}: ") and where in line and near in line
    assert line.endswith("Correct it, unless it comes later.")
    assert begun(text) == []  # once


@pytest.mark.parametrize(
    "text",
    [
        "[tools.send]\neffect = 'read'", "[tools.sql]\nrows = 5", "[tools.'sen*']\neffect = 'read'", "[labels]\nmail = 'secret'",
        "[labels]\ntotals_by_month = 'secret'", "[labels]\n'file:mial.txt' = 'trusted'", "[labels]\nquarantine = true",
        RULE.format("*"), RULE.format("sen*"), RULE.format("send.undo"), RULE.format("read_file"), RULE.format("later"),
        RULE.format("terminal"), RULE.format("python"), RULE.format("recall"), RULE.format("time_convert_tim"),
    ],
)  # fmt: skip
def test_a_name_that_is_there_or_may_come_with_what_is_there_is_not_spoken_of(begun, text):
    server = "\n[mcp.time]\ncommand = ['no-such-program']\n"
    assert begun(text + server, {"later": lambda: None}) == []


def test_a_label_is_not_spoken_of_where_the_variable_near_it_has_its_own(begun):
    assert begun("[labels]\nmail = 'secret'\nmail2 = 'secret'") == []


def test_a_tool_of_another_process_is_there(begun):
    def other() -> None:
        """Do nothing."""

    assert begun("[tools.send]\neffect = 'read'\n[tools.other]\neffect = 'read'", tools=(send, other)) == []
    assert begun("[tools.send]\neffect = 'read'\n[tools.other]\neffect = 'external'", tools=(send,)) == []


def test_the_file_of_an_organisation_and_a_strangers_rule_that_does_not_hold_are_left_alone(
    begun, tmp_path, monkeypatch
):
    (tmp_path / "org.toml").write_text(RULE.format("sennd"))
    monkeypatch.setenv("LLMOS_ORG_CONFIG", str(tmp_path / "org.toml"))
    assert begun("") == []
    monkeypatch.delenv("LLMOS_TRUST")
    said = begun(RULE.format("senndd") + RULE.format("sendd").replace("deny", "allow"))
    assert [line for line in said if "sendd'" in line] == []
    assert len([line for line in said if "'senndd'" in line]) == 1


async def test_the_cell_that_starts_a_process_says_it_once_and_another_notebook_too(tmp_path, capsys):
    (tmp_path / "llmos.toml").write_text("[tools.sennd]\neffect = 'read'")
    (tmp_path / "said.json").write_text('{"version": 1, "turns": [{"text": "ok"}, {"text": "ok"}]}')
    given = parse_cell("-m script:said.json")
    for session, lines in ((Session({}), 1), (Session({}), 1)):
        for expected in (lines, 0):
            await Presenter(session).run(given, "Do it.")
            shown = capsys.readouterr()
            assert sum("[tools.sennd]: no tool" in line for line in shown.out.splitlines()) == expected
            assert not shown.err


async def test_a_program_that_starts_a_process_is_warned_once(tmp_path):
    (tmp_path / "llmos.toml").write_text("[tools.sennd]\neffect = 'read'")
    space = {}
    with pytest.warns(UserWarning, match="no tool of this name"):
        await llmos.run("Do it.", model=ScriptedModel([DONE]), namespace=space)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await llmos.run("Do it.", model=ScriptedModel([DONE]), namespace=space)


def test_own_words_for_a_tool_or_an_argument_that_is_not_there_are_said(begun):
    said = begun("[prompts]\ntool.snd = 'x'\n'tool.python.cod' = 'y'\n'tool.send.to' = 'z'\ntool.git_log = 'w'\n")
    assert len(said) == 2 and "tool.snd: no tool of this name is here; did you mean send?" in said[0]
    assert "tool.python.cod: `python` has no such argument; did you mean code?" in said[1]
