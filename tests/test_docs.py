"""Code in README and docs runs: Python blocks as they stand, TOML blocks as settings, commands as `--help` knows them."""

import importlib
import re
import runpy
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from programs import run_python

from llmos_nb.app.verbs import BUILT_IN as VERBS
from llmos_nb.session import config

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/howto").glob("*.md"))]


def blocks(language):
    for page in PAGES:
        for i, code in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)):
            yield pytest.param(code, id=f"{page.name}-{i}")


@pytest.mark.parametrize("code", list(blocks("python")))
def test_python_blocks_run(code):
    ended, said = run_python(code, ROOT)
    assert ended == 0, said


def test_the_first_block_of_the_readme_runs_in_a_fresh_interpreter():
    code = next(blocks("python")).values[0]
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("code", ["1 / 0", "import warnings; warnings.warn('x')", "json", "raise SystemExit(3)"])
def test_a_block_that_is_wrong_is_found(code):
    ended, _ = run_python(code, ROOT)
    assert ended != 0


@pytest.mark.parametrize("code", list(blocks("toml")))
def test_toml_blocks_are_settings(code, tmp_path):
    (tmp_path / "llmos.toml").write_text(code)
    assert config.load(environ={}, folder=tmp_path)


def test_every_command_named_in_the_docs_exists():
    text = "\n".join(p.read_text("utf-8") for p in PAGES)
    for verb in re.findall(r"`%agent (\w+)", text):
        assert VERBS[verb].agent, verb
    for name in re.findall(r"`llmos ([\w-]+)", text):
        assert VERBS[name].llmos, name


def test_the_two_commands_of_the_readme_are_those_of_ci():
    readme, ci = (ROOT / "README.md").read_text("utf-8"), (ROOT / ".ci/run").read_text("utf-8")
    assert 'pip install -e ".[local]" && llmos demo' in readme
    command = 'pip install -e ".[test]" && pytest'
    assert command in readme and f"\n{command}\n" in ci


def test_a_badge_opens_each_notebook_that_there_is():
    opened = re.findall(r"urlpath=lab/tree/(notebooks/[\w-]+\.ipynb)", (ROOT / "README.md").read_text("utf-8"))
    assert opened == sorted(str(p.relative_to(ROOT)) for p in (ROOT / "notebooks").glob("[01]*.ipynb"))


def test_files_named_for_contributors_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = [name for name in re.findall(r"`([\w./]+)`", text) if "/" in name and not name.startswith("pytest")]
    assert len(named) > 20
    assert [n for n in named if not (ROOT / n).exists() and not (ROOT / "llmos_nb" / n).exists()] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/concepts.md"])
def test_tables_of_rooms_have_every_room_from_the_top_down(page):
    floors = runpy.run_path(str(ROOT / "scripts" / "rooms"))["FLOORS"]
    wanted = [room for floor in floors for room in floor.split()]
    _, _, table = (ROOT / page).read_text("utf-8").partition("| room |")
    table = table.partition("\n\n")[0]
    first = [row.split("|")[1].replace("/", "").replace(".py", "").replace("`", "") for row in table.splitlines()[2:]]
    rooms = [room.strip() for cell in first for room in cell.split(",")]
    assert rooms == (wanted if "messages" in rooms else wanted[: -len(floors[-1].split())])


def test_table_of_doors_names_what_they_export():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for room, door in re.findall(r"^\| `(\w+)/?` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE):
        module = importlib.import_module("llmos_nb" if room == "llmos_nb" else f"llmos_nb.{room}")
        names = re.findall(r"`(\w+)`", door.partition(";")[0].removeprefix(" loaded by `%load_ext` and `llmos` "))
        assert [name for name in names if not hasattr(module, name)] == [], room


@pytest.fixture
def reference():
    """What the cells of the reference print, by heading."""
    page, printed, names = (ROOT / "docs" / "reference.md").read_text("utf-8"), {}, {}
    for heading, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", page, re.M | re.S):
        with redirect_stdout(StringIO()) as out:
            for cell in re.findall(r"^```\{code-cell\} ipython3\n:tags: .*?\n(.*?)^```", text, re.M | re.S):
                exec(cell, names)
        printed[heading.strip("`")] = out.getvalue()
    return printed


def test_the_reference_lists_every_verb(reference):
    for verb in VERBS.values():
        if verb.agent:
            assert f"  %agent {verb.name} {verb.agent.words}".rstrip() in reference["%agent"]
            assert verb.help in reference["%agent"]
        if verb.llmos:
            assert f"usage: llmos {verb.name}" in reference["llmos"]
        if verb.panel:
            assert re.search(rf"^{verb.name} +{re.escape(verb.help)}$", reference["The panel"], re.M)


def test_the_reference_lists_every_setting(reference):
    for name, setting in config.SETTINGS.items():
        assert re.search(rf"^{name}: {re.escape(setting.help)}$", reference["Settings"], re.M)
        assert f"; {', '.join(setting.places)}\n" in reference["Settings"]
        assert setting.flag is None or f"{setting.flag.names[-1]} " in reference["%%agent"]
