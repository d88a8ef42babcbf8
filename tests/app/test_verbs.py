"""The table of verbs: each has help, an example that parses and a handler, and every place shows what it holds."""

import ast
import inspect
import re
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest

import llmos_nb
from llmos_nb.app import cli, completion, options, verbs
from llmos_nb.app.completion import AtHand
from llmos_nb.app.options import carry_out, parse_command
from llmos_nb.app.present import panel
from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.views import VERBS as CONTRACT

APP = Path(llmos_nb.__file__).parent / "app"
AGENT = [v.name for v in verbs.BUILT_IN.values() if v.agent]
LLMOS = [v.name for v in verbs.BUILT_IN.values() if v.llmos]
PANEL = [v.name for v in verbs.BUILT_IN.values() if v.panel]


def test_each_verb_is_declared_once_has_a_help_and_a_place():
    assert len(verbs.VERBS) == len(verbs.BUILT_IN) >= 60
    assert all(v.help and (v.agent or v.llmos or v.panel) for v in verbs.BUILT_IN.values())


@pytest.mark.parametrize("name", AGENT)
def test_an_agent_verb_parses_its_example_and_has_a_handler(name):
    form = options.find(name, "agent")
    command = parse_command(f"{name} {form.example}")
    assert command.verb == name and len(command.words) >= form.least
    assert inspect.iscoroutinefunction(resolve_name(form.run))
    assert list(inspect.signature(resolve_name(form.run)).parameters) == ["session", "command"]
    assert f"  %agent {name} {form.words}".rstrip() in options.command_help() and form.help in options.command_help()
    own = options.command_parser(name).format_help()
    assert own.startswith(f"usage: %agent {name} {form.words}") and form.help in " ".join(own.split())
    assert all(flag.names[0] in own for flag in form.flags)
    assert parse_command(f"{name} --help") == options.Command("help", [name], {})


@pytest.mark.parametrize("name", [n for n in AGENT if verbs.BUILT_IN[n].agent.least])
def test_an_agent_verb_that_lacks_words_says_how_it_is_written(name):
    with pytest.raises(UsageError, match=re.escape(f"write %agent {name} {verbs.BUILT_IN[name].agent.words}")):
        parse_command(name)


@pytest.mark.parametrize("name", LLMOS)
def test_an_llmos_verb_parses_its_example_and_has_a_handler(name, capsys):
    form = options.find(name, "llmos")
    assert cli.parser_of(name).read(options.split(form.example)) is not None
    assert list(inspect.signature(resolve_name(form.run)).parameters) == ["given"]
    assert cli.main([name, "--help"]) == 0
    assert form.help in capsys.readouterr().out


def test_the_panel_carries_out_every_verb_that_it_may_send():
    assert set(PANEL) == {*panel.CLICKS, *panel.LOOKS} == CONTRACT


def test_the_page_sends_no_verb_that_the_table_lacks():
    sent = set()
    for path in (APP / "present" / "assets").glob("*.js"):
        sent |= set(re.findall(r'\bverb: "(\w+)"', path.read_text("utf-8")))
    assert {"stop", "fork", "seek"} <= sent and sent - {"sync"} <= set(PANEL)


def test_the_rows_of_a_plan_offer_verbs_of_the_table():
    text = (APP / "present" / "assets" / "plan.js").read_text("utf-8")
    (table,) = re.findall(r"STEP_VERBS = \{(.*?)\};", text, re.DOTALL)
    offered = set(re.findall(r'"(\w+)"', table))
    assert offered - {"up", "down"} <= set(PANEL) and {"up", "down"} <= offered  # these two are sent as `move`


def test_no_handler_is_a_command_that_the_table_lacks():
    named = {(v.agent.run) for v in verbs.BUILT_IN.values() if v.agent}
    for path in (APP / "commands").glob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.AsyncFunctionDef) and [a.arg for a in node.args.args] == [
                "session",
                "command",
            ]:
                assert f"llmos_nb.app.commands.{path.stem}:{node.name}" in named


# completion


# verbs of other packages

PACKAGE = """
from llmos_nb.session import Form, Flag, Verb
async def weather(session, command):
    print("rain in", command.words[0], command.flags["days"])
def forecast(given):
    print("sun")
    return 0
verb = Verb("weather", "the weather of a place", Form("some_weather:weather", "PLACE", 1, 1, (Flag("--days", type=int),)),
    Form("some_weather:forecast"))
takes_ours = Verb("ps", "mine", Form("some_weather:weather"))
"""
ENTRIES = """[llmos_nb.verbs]
weather = some_weather:verb
broken = some_weather_missing:verb
wrong = some_weather:weather
ps = some_weather:takes_ours
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Another package, as it is installed: its module and its metadata on the path."""
    site = tmp_path / "site"  # not in the working folder, where anybody may put one
    info = site / "some_weather-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "some_weather.py").write_text(PACKAGE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weather\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("some_weather", None)


async def test_a_verb_of_another_package_is_a_verb_like_ours(package, capsys):
    session = llmos_nb.Session({})
    await carry_out(session, "weather Oslo --days 3")
    assert capsys.readouterr().out == "rain in Oslo 3\n"
    assert cli.main(["weather"]) == 0 and capsys.readouterr().out == "sun\n"
    assert "%agent weather PLACE" in options.command_help() and "llmos weather" in cli.usage()
    assert completion.complete("%agent wea", AtHand(list)) == ("wea", ["weather"])
    assert completion.complete("%agent weather Oslo --", AtHand(list)) == ("--", ["--days"])


async def test_a_broken_verb_of_another_package_is_one_line_and_touches_nothing_else(package, capsys):
    session = llmos_nb.Session({})
    with pytest.raises(
        ConfigError,
        match=r"^broken: the package some-weather .*llmos_nb.verbs\): ModuleNotFoundError: .*missing'$",
    ):
        await carry_out(session, "broken x")
    with pytest.raises(
        ConfigError,
        match=r"^wrong: the package some-weather .* it gives <function weather .* a Verb of that name",
    ):
        await carry_out(session, "wrong x")
    await carry_out(session, "ps")
    assert "no processes yet" in capsys.readouterr().out
    assert "cannot be used: the package some-weather" in options.command_help()
    with pytest.raises(UsageError, match="did you mean weather"):
        parse_command("wether")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("approve", []),
        ("approve all", ["", "all"]),
        ("approve r1.0", ["", "r1.0"]),
        ("approve one", ["one"]),
        ("reject r1.0 no", ["", "r1.0", "no"]),
        ("reply yes", ["", "yes"]),
        ("reply one yes", ["one", "yes"]),
        ("send 'use the median'", ["", "use the median"]),
        ("edit r1.0 'x = 2'", ["", "r1.0", "x = 2"]),
        ("budget '+5 steps'", ["", "+5 steps"]),
        ("nice +5", ["", "+5"]),
        ("resolve r1.0 --done", ["", "r1.0"]),
        ("forget r1.0", ["", "r1.0"]),
        ("export x.ipynb", ["", "x.ipynb"]),
        ("export 1 x.ipynb", ["1", "x.ipynb"]),
        ("export par", ["par"]),
        ("export par x", ["par", "x"]),
        ("export x.py", ["", "x.py"]),
        ("export", []),
    ],
)
def test_words_that_cannot_name_a_process_leave_it_out(line, words):
    assert parse_command(line).words == words


@pytest.mark.out_of_process
@pytest.mark.parametrize(
    ("line", "file"),
    [("export par", "par-1.ipynb"), ("export par mine", "mine.ipynb"), ("export", "par-1.ipynb")],
)
async def test_export_writes_a_notebook_whatever_name_is_given(line, file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    turns = [{"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, {"text": "Done."}]
    session = llmos_nb.Session({}, home=tmp_path / "home")
    await session.start("Make x.", name="par", model=ScriptedModel(turns))
    await carry_out(session, line)
    assert f"written: {file}" in capsys.readouterr().out
    assert '"cells"' in (tmp_path / file).read_text()


async def test_commands_without_a_process_mean_the_last_one(capsys):
    session = llmos_nb.Session({})
    turns = [{"calls": [{"name": "python", "arguments": {"code": "x = 1"}}]}, {"text": "Done."}]
    first = await session.start("Make x.", model=ScriptedModel(turns), approve="step")
    last = await session.start("Make x.", model=ScriptedModel(turns), approve="step")
    await carry_out(session, "approve")
    await last
    assert (first.state, last.reason) == ("waiting", "answered")
    await carry_out(session, "undo")
    assert "taken back: r1.0" in capsys.readouterr().out and "x" not in session.namespace
    with pytest.raises(UsageError, match="no process yet"):
        await carry_out(llmos_nb.Session({}, "another-home"), "stop")
