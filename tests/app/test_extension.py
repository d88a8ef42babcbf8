"""The extension of JupyterLab as it is laid out on disk."""

import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]


def test_extension_has_the_version_of_the_package():
    package = json.loads((ROOT / "llmos_nb/app/lab/extension/package.json").read_text("utf-8"))
    assert package["version"] == PROJECT["project"]["version"]


def test_extension_is_placed_where_lab_looks_with_the_file_that_lab_loads():
    place = "share/jupyter/labextensions/llmos_nb"
    source = ROOT / next(source for source, to in WHEEL["shared-data"].items() if to == place)
    load = json.loads((source / "package.json").read_text("utf-8"))["jupyterlab"]["_build"]["load"]
    assert (source / load).is_file()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built of this tree: what stands below `share` in the environment, by its path there."""
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    [built] = builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        placed = [n for n in archive.namelist() if ".data/data/" in n]
        return {n.partition(".data/data/")[2]: archive.read(n).decode() for n in placed}


def test_wheel_has_every_file_that_the_extension_loads(wheel):
    base = "share/jupyter/labextensions/llmos_nb/"
    begun = json.loads(wheel[f"{base}package.json"])["jupyterlab"]["_build"]["load"]
    wanted, seen = [base + begun], set()
    while wanted:
        at = wanted.pop()
        assert at in wheel, f"{at} is not in the wheel"
        if at in seen or not at.endswith(".js"):
            continue
        seen.add(at)
        folder = at.rpartition("/")[0]
        wanted += [f"{folder}/{name}" for name in loaded(wheel[at])]
    assert {n.rpartition("/")[2] for n in seen} >= {"entry.js", "plugin.js", "processes.js", "dom.js"}


def loaded(text):
    """Return what a script imports or links, and the parts that a list names."""
    found = re.findall(r'(?:from|import\() ?"\./([^"]+)"|new URL\("([^"]+)"', text)
    parts = re.search(r"^const PARTS = \[(.*)\];", text, re.MULTILINE)
    named = [f"{name}.js" for name in re.findall(r'"(\w+)"', parts[1])] if parts else []
    return [*("".join(pair) for pair in found), *named]


def test_every_name_that_a_script_imports_is_exported_where_it_is_said_to_be(wheel):
    """A script with a name too many is not run at all."""
    missing = []
    own = {name: text for name, text in wheel.items() if "/static/panel/" not in name}
    for name, text in own.items():
        folder = name.rpartition("/")[0]
        for names, source in re.findall(r'^import \{([^}]*)\} from "\./([^"]+)";', text, re.MULTILINE):
            there = exported(wheel[f"{folder}/{source}"])
            wanted = [n.split(" as ")[0].strip() for n in names.split(",") if n.strip()]
            missing += [f"{name}: {n} of {source}" for n in wanted if n not in there]
    assert missing == []
    assert exported("export const A = 1;\nexport async function f() {}\nfunction g() {}\nexport { g };") == {
        "A",
        "f",
        "g",
    }


def exported(text):
    """Return the names that a script exports."""
    named = re.findall(r"^export (?:async )?(?:function\*?|class|const|let) (\w+)", text, re.MULTILINE)
    listed = [n.strip() for names in re.findall(r"^export \{([^}]*)\}", text, re.MULTILINE) for n in names.split(",")]
    return {*named, *listed}


def test_extension_has_no_way_to_live_html(wheel):
    live = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert [name for name, text in wheel.items() if re.search(live, re.sub(r"//.*", "", text))] == []


def test_shortcuts_of_the_settings_are_those_of_commands_that_there_are(wheel):
    base = "share/jupyter/labextensions/llmos_nb/"
    folder = json.loads(wheel[f"{base}package.json"])["jupyterlab"]["schemaDir"]
    schemas = {n: json.loads(text) for n, text in wheel.items() if n.startswith(f"{base}{folder}/")}
    assert schemas
    for name, schema in schemas.items():
        script = wheel[f"{base}static/{name.rpartition('/')[2].removesuffix('.json')}.js"]
        assert all(f'"{one["command"]}"' in script for one in schema["jupyter.lab.shortcuts"])
