"""What a stranger finds beside the code, and what a wheel brings: nothing missing, nothing of the tests."""

import os
import re
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

import llmos_nb
from llmos_nb.app import cli

yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"


def read(name):
    return yaml.safe_load((ROOT / name).read_text("utf-8"))


def test_the_citation_names_what_the_project_is():
    found = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= set(found)
    assert (found["version"], found["license"]) == (PROJECT["version"], PROJECT["license"])
    assert found["repository-code"] == PROJECT["urls"]["Source"]


def test_the_draft_for_conda_says_what_the_package_says():
    found = read(".github/conda/recipe.yaml")
    other = {"graphviz": "python-graphviz", "docstring-parser": "docstring_parser", "tzdata": "python-tzdata"}
    needed = [re.match(r"([\w.-]+)(?:\[\w+\])?(>=[\d.]+)", d).groups() for d in PROJECT["dependencies"]]
    run = [f"{other.get(name, name)} {least}" for name, least in needed]
    assert found["requirements"]["run"] == [f"python {PROJECT['requires-python']}", *run]
    built = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert found["requirements"]["host"][2:] == [d.replace(">=", " >=") for d in built]
    assert found["context"]["version"] == PROJECT["version"]
    assert (found["about"]["summary"], found["about"]["license"]) == (PROJECT["description"], PROJECT["license"])


def test_a_report_of_a_fault_asks_for_what_doctor_says():
    form = read(TEMPLATES / "bug.yml")
    wanted = {f["id"] for f in form["body"] if f.get("validations", {}).get("required")}
    assert {"did", "came", "doctor"} <= wanted
    for name in ("bug.yml", "idea.yml"):
        form = read(TEMPLATES / name)
        assert {"name", "description", "body"} <= set(form) and all("label" in f["attributes"] for f in form["body"])


def test_files_for_people_name_commands_and_pages_that_there_are(capsys):
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md"):
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (ROOT / target).exists(), target
    assert "`llmos --version`" in (ROOT / "SECURITY.md").read_text("utf-8") and cli.main(["--version"]) == 0


def test_addresses_lead_to_files_that_there_are():
    for url in PROJECT["urls"].values():
        _, _, at = url.partition("/HEAD/")
        assert url.startswith(PROJECT["urls"]["Source"]) and (ROOT / at).exists(), url


def test_workflows_run_files_that_there_are_and_publish_only_what_was_checked():
    release, tests = (read(f".github/workflows/{name}.yml")["jobs"] for name in ("release", "tests"))
    runs = [step["run"] for job in (*release.values(), *tests.values()) for step in job["steps"] if "run" in step]
    named = re.findall(r"(?<![\w/])(?:tests/[\w/]+\.py|\.ci/run)", " ".join(runs))
    assert len(named) == 2 and all((ROOT / name).exists() for name in named)
    assert release["publish"]["needs"] == "build" and "twine check --strict dist/*" in runs
    version = next(run for run in runs if "pyproject.toml" in run)
    for name, right in ((f"v{PROJECT['version']}", True), ("v9.9.9", False)):
        done = subprocess.run(
            ["bash", "-c", version], cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": name}, check=False
        )
        assert (done.returncode == 0) is right


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names in a wheel of this tree, with its metadata."""
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    [built] = builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        return {name: archive.read(name) if name.endswith("/METADATA") else b"" for name in archive.namelist()}


def test_a_wheel_brings_all_of_the_package_and_its_notebooks(wheel):
    package = Path(llmos_nb.__file__).parent
    extension = package / "app" / "lab" / "extension"  # it stands in share/, see tests/app/test_extension.py
    ours = {p.relative_to(package.parent).as_posix() for p in package.rglob("*") if p.is_file()} - {
        p.relative_to(package.parent).as_posix() for p in extension.rglob("*")
    }
    ours = {name for name in ours if "__pycache__" not in name}
    assert ours - set(wheel) == set() and "llmos_nb/models/scripted/first.json" in ours
    books = {p.name for p in (ROOT / "notebooks").glob("*.ipynb")}
    assert {Path(n).name for n in wheel if n.startswith("llmos_nb/_notebooks/")} == books


def test_a_wheel_brings_nothing_else(wheel):
    info = f"llmos_nb-{PROJECT['version']}"
    tops = {name.split("/")[0] for name in wheel}
    assert tops == {"llmos_nb", f"{info}.dist-info", f"{info}.data"}
    assert [n for n in wheel if re.search(r"(^|/)(tests?|conftest\.py|\.git|\.llmos)(/|$)", n)] == []
    assert f"{info}.dist-info/licenses/LICENSE" in wheel


def test_every_python_that_the_package_names_is_run_by_the_workflow():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    versions = workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]
    named = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: Python :: 3." in c]
    assert named and set(named) <= set(versions)
    assert (
        PROJECT["requires-python"] == f">={versions[0]}" and f"Python {versions[0]}" in (ROOT / "README.md").read_text()
    )


def test_readme_of_the_package_index_has_the_links_and_pictures_of_the_repository(wheel):
    [text] = [data.decode() for data in wheel.values() if data]
    links = re.findall(r"(?:\]\(|src(?:set)?=\")([^)\"]+)", text)
    at = {link.partition("/HEAD/")[2].partition("#")[0] for link in links if "/HEAD/" in link}
    assert not [link for link in links if not link.startswith(("https://", "#"))]
    assert len(at) >= 10 and all((ROOT / name).exists() for name in at)
