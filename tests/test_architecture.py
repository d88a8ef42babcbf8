"""Imports only go down the layers, functions and files stay small, and importing the package is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import llmos_nb

ROOT = Path(__file__).parent.parent / "llmos_nb"
LAYERS = [
    "errors messages",
    "approval authority blobs budget chain coerce config config_file confinement conform context data "
    "database declare file_labels goals grounding home inside inspection journal kinds labels leaves "
    "manifest memory outputs passages plan policy preview prose records retention rules running schema "
    "search secrets sensitive slots source stubs tools validate words writers",
    "ambient call decide devices fingerprint fold handlers holders models on_call on_message on_model "
    "on_plan on_run reach snapshot state",
    "attached attempt compensate dry_run endpoints gate pictures prompt quarantine recall recover "
    "scheduler settle sharing turns",
    "audit logbook notebook trace views",
    "apart api batch children children_tools clocked contained done exporting forget goal_entry hearing "
    "interrupts ipc mcp_servers namespace_undo opening process prune remembering revive session signals "
    "skills toolbox verbs",
    "cli commands demo doctor front goal_runs lessons magics options panel_verbs present verb_table waking",
]


def level(module: str) -> int:
    top = module.removeprefix("llmos_nb.").split(".")[0]
    found = [i for i, names in enumerate(LAYERS) if top in names.split()]
    assert found, f"{module} has no layer: give it one in tests/test_architecture.py"
    return found[0]


def imports(path: Path) -> list[tuple[str, int]]:
    """Modules of the package that a file imports when it runs; TYPE_CHECKING blocks do not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(n)
        for b in ast.walk(tree)
        if isinstance(b, ast.If) and ast.unparse(b.test) == "TYPE_CHECKING"
        for n in ast.walk(b)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "llmos_nb":
            names = (
                [f"llmos_nb.{llmos_nb._HOMES.get(a.name, a.name)}" for a in node.names]
                if node.module == "llmos_nb"
                else [node.module]
            )
            found += [(n, node.lineno) for n in names]
    return found


def upward(root: Path) -> list[str]:
    wrong = []
    for path in sorted(root.rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        if module == "__init__":
            continue
        for target, line in imports(path):
            if level(target) > level(module):
                wrong.append(f"{path.name}:{line} {module} imports {target}, which is above it")
    return wrong


def test_imports_only_go_down():
    assert upward(ROOT) == []


def test_an_import_that_goes_up_is_found(tmp_path):
    (tmp_path / "plan.py").write_text("from llmos_nb.session import Session\n")
    assert upward(tmp_path) == ["plan.py:1 plan imports llmos_nb.session, which is above it"]


def functions():
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_no_function_is_over_50_lines():
    assert [(name, size) for name, size in functions() if size > 50] == []


def test_the_median_function_has_at_most_8_lines():
    sizes = sorted(size for _, size in functions())
    assert sizes[len(sizes) // 2] <= 8


def test_no_file_is_over_250_lines():
    sizes = {p.name: p.read_text(encoding="utf-8").count("\n") for p in ROOT.rglob("*.py")}
    assert {name: n for name, n in sizes.items() if n > 250} == {}


@pytest.mark.parametrize(
    "heavy", ["openai", "ipywidgets", "numpy", "pandas", "IPython", "matplotlib", "anywidget"]
)
def test_importing_the_package_is_cheap(heavy):
    code = f"import sys, llmos_nb; llmos_nb.errors; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_are_there():
    import llmos_nb

    for name in llmos_nb.__all__:
        assert getattr(llmos_nb, name) is not None
    with pytest.raises(AttributeError):
        _ = llmos_nb.nothing
