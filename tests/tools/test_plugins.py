"""Another package's devices, approvers and models: found by entry point, used by name, in nobody's way when broken."""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from turns import call

import llmos_nb as llmos
from llmos_nb.app import doctor
from llmos_nb.errors import ConfigError, UsageError
from llmos_nb.journal.events import Decider
from llmos_nb.models import resolve
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import load_plugins
from llmos_nb.session import Session
from llmos_nb.tools.devices import Site, is_offered, tools_of

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text("utf-8")
TABLES = tomllib.loads(re.search(r"^```ini\n(.*?)^```", PAGE, re.M | re.S)[1])["project"]["entry-points"]
FILES = {
    code.split("\n")[0].removeprefix("# "): code for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
}
LACKING = "acme.nothing:make"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put distributions on the path, as an installer would lay them out."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def put(groups, files=(), name="acme"):
        for path, code in dict(files).items():
            (site / path).parent.mkdir(exist_ok=True)
            (site / path).write_text(code)
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        points = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in table.items()) for group, table in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(points))

    yield put
    for module in [m for m in sys.modules if m.split(".")[0] in ("acme", "other")]:
        del sys.modules[module]


def loaded():
    return sorted(m for m in sys.modules if m.startswith("acme."))


async def test_device_approver_and_model_of_a_package_work_in_one_process(install, tmp_path):
    install(TABLES, FILES)
    model = "acme/small"
    proc = await llmos.run("Order cups.", model=model, tools=["stock"], approvers=["small-orders"], home=tmp_path)
    assert proc.answer == "Done: ordered 2 cup" and proc.run.model.traits.name == model
    decided = [e.d for e in proc.events if e.k == "call.decided"]
    assert [(d["by"]["name"], d["why"]) for d in decided] == [("small-orders", "ten or fewer")]
    assert "in_stock" in proc.run.tools


async def test_approver_of_the_settings_is_asked(install, tmp_path, monkeypatch):
    install(TABLES, FILES)
    (tmp_path / "llmos.toml").write_text('[approval]\nby = ["small-orders"]')
    monkeypatch.chdir(tmp_path)
    model = ScriptedModel([call("order", item="cup", count=2), call("order", item="cup", count=50), {"text": "ok"}])
    proc = Session({}).create("Order.", model=model, tools=["stock"]).start()
    await proc
    assert [e.body.by for e in proc.events if e.k == "call.decided"] == [Decider("approver", "small-orders")]
    assert proc.state == "waiting" and "buys 50 of cup" in str(proc.run.state.questions)


@pytest.mark.out_of_process
def test_plugin_is_imported_only_when_it_is_used(install):
    install(TABLES, FILES)
    assert is_offered("stock") and not is_offered("stok")
    assert "devices: stock of acme 1.0" in doctor.report(None) and loaded() == []
    tools_of(["git"], Site())
    assert loaded() == []
    tools_of(["stock"], Site())
    assert loaded() == ["acme.stock"]
    resolve("acme/small")
    assert loaded() == ["acme.model", "acme.stock"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (LACKING, "ModuleNotFoundError: No module named 'acme.nothing'"),
        ("acme.odd:Nothing", "AttributeError"),
        ("acme.odd:raises", "ZeroDivisionError: division by zero"),
        ("acme.odd:gives", "must return a"),
        ("acme.odd:shadow", "`python` is the name of a built-in tool"),
    ],
)
@pytest.mark.parametrize("group", ["devices", "models"])
def test_broken_plugin_gives_one_line_and_breaks_nothing_else(install, group, target, said):
    code = """
from llmos_nb.tools import as_tool
def raises(*_): return 1 / 0
def gives(*_): return ["no tool"]
def python(code: str) -> str: return code
def shadow(*_): return [as_tool(python)]
"""
    install({**TABLES, "llmos_nb.devices": {**TABLES["llmos_nb.devices"], "odd": target}, "llmos_nb.models": {"odd": target}},
            {**FILES, "acme/odd.py": code})  # fmt: skip
    with pytest.raises(ConfigError) as error:
        tools_of(["odd"], Site()) if group == "devices" else resolve("odd/name")
    text = str(error.value)
    assert text.startswith(f"odd: the package acme 1.0 (entry point llmos_nb.{group}): ") and "\n" not in text
    assert (said if group == "devices" or "shadow" not in target else "must return a Model") in text
    assert [t.name for t in tools_of(["stock"], Site())] == ["in_stock", "order"]


def test_broken_approver_gives_one_line(install):
    install({"llmos_nb.approvers": {"desk": LACKING}})
    with pytest.raises(ConfigError, match=r"^desk: the package acme 1.0 \(entry point llmos_nb.approvers\): Module"):
        Session({}).create("x", model=ScriptedModel([{"text": "ok"}]), approvers=["desk"])


@pytest.mark.out_of_process
def test_built_in_names_cannot_be_replaced(install):
    install(
        {
            "llmos_nb.devices": {"git": "acme.stock:tools"},
            "llmos_nb.models": {"ollama": "acme.model:AcmeModel"},
        },
        FILES,
    )
    assert "order" not in [t.name for t in tools_of(["git"], Site())]
    assert type(resolve("ollama/any")).__name__ == "OpenAIModel"
    said = doctor.report(None)
    assert "--  devices: git of acme 1.0: `git` is built in and cannot be replaced" in said
    assert "--  models: ollama of acme 1.0: `ollama` is built in and cannot be replaced" in said
    with pytest.raises(ConfigError, match="`git` is built in"):
        load_plugins("devices", ["git"])["git (acme 1.0)"].load()


def test_tool_of_a_built_in_device_cannot_be_replaced(install):
    code = "from llmos_nb.tools import as_tool\ndef git_diff(path: str = ''): return path\ndef tools(site): return [as_tool(git_diff)]"
    install({"llmos_nb.devices": {"mine": "acme.own:tools"}}, {"acme/own.py": code})
    assert [t.name for t in tools_of(["mine"], Site())] == ["git_diff"]
    with pytest.raises(ConfigError, match=r"^mine: .*`git_diff` is the name of a built-in tool"):
        tools_of(["mine", "git"], Site())


def test_of_two_packages_with_one_name_neither_is_used(install):
    install(TABLES, FILES)
    install({"llmos_nb.devices": {"stock": "acme.stock:tools"}}, name="other")
    with pytest.raises(ConfigError, match=r"acme 1.0 has one of this name, too; uninstall one of them"):
        tools_of(["stock"], Site())


def test_package_with_unreadable_metadata_hides_no_other(install):
    install(TABLES, FILES)
    install({"llmos_nb.devices": {"odd": "acme.stock:tools"}}, name="other")
    site = Path(sys.path[0])
    (site / "other-1.0.dist-info" / "entry_points.txt").write_bytes(b"[llmos_nb.devices]\nodd \xff\n")
    assert is_offered("stock") and not is_offered("odd")


def test_package_that_comes_or_goes_later_is_seen(install, tmp_path):
    assert "later" not in load_plugins("models")
    install({"llmos_nb.models": {"later": LACKING}})
    assert load_plugins("models")["later"].package == "acme 1.0"
    shutil.rmtree(tmp_path / "site-packages" / "acme-1.0.dist-info")
    assert "later" not in load_plugins("models")


def test_mistyped_names_are_met_with_those_of_plugins(install):
    install(TABLES, FILES)
    with pytest.raises(UsageError, match="did you mean .?acme"):
        resolve("acmee/small")
    with pytest.raises(UsageError, match=r"none is installed under this name \(small-orders\)"):
        Session({}).create("x", model=ScriptedModel([{"text": "ok"}]), approvers=["small"])
