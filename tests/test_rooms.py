"""The rooms: imports only go down and through doors, nothing goes in a circle, files and functions stay readable."""

import ast
import re
import runpy
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

import llmos_nb
from llmos_nb.session.parts import PARTS

ROOT = Path(__file__).parent.parent / "llmos_nb"
# One list of floors and one reader of imports, for the drawing in the documentation and for these tests.
DRAWN = runpy.run_path(str(ROOT.parent / "scripts" / "rooms"))
FLOORS, modules, room = (DRAWN[name] for name in ("FLOORS", "modules", "room"))
HEIGHT = {room: len(FLOORS) - floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
ROOMS = set(HEIGHT) - {"llmos_nb", "messages", "errors"}


def imports(root: Path) -> list[tuple[str, str, str, int]]:
    """Return the imports of a package; those of ours are read once."""
    return imports_of_ours() if root == ROOT else DRAWN["imports"](root)


@cache
def imports_of_ours():
    return DRAWN["imports"](ROOT)


def upward(root: Path) -> list[str]:
    wrong = []
    for module, _, target, line in imports(root):
        here, there = room(module), room(target)
        if here != there and HEIGHT[there] >= HEIGHT[here] and {here, there} != {"messages", "errors"}:
            wrong.append(f"{module}:{line} imports {target}, which does not stand below it")
    return wrong


def past_the_door(root: Path) -> list[str]:
    """Return imports of another room that name a module inside it rather than a package."""
    doors = {name for name, path in modules(root).items() if path.name == "__init__.py"}
    return [
        f"{module}:{line} imports {named}, which is no door"
        for module, named, _, line in imports(root)
        if room(named) in ROOMS and room(named) != room(module) and named not in doors
    ]


def circles(root: Path) -> list[list[str]]:
    """Return the sets of modules that reach each other by imports."""
    arrows = defaultdict(set)
    for module, _, target, _ in imports(root):
        arrows[module].add(target)
    reach: dict[str, set[str]] = {}
    for start in arrows:
        seen, todo = set(), [start]
        while todo:
            for target in arrows.get(todo.pop(), ()):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        reach[start] = seen
    found = {
        tuple(sorted(m for m in seen if start in reach.get(m, ()))) for start, seen in reach.items() if start in seen
    }
    return [list(circle) for circle in found]


def test_every_file_has_a_room():
    assert {room(m) for m in modules(ROOT)} <= set(HEIGHT)


def test_imports_only_go_down():
    assert upward(ROOT) == []


def test_rooms_import_each_other_through_doors():
    assert past_the_door(ROOT) == []


def test_no_imports_go_in_a_circle():
    assert circles(ROOT) == []


def test_the_core_imports_no_part():
    own = {e.where.partition(":")[0] for e in PARTS.values()}
    core = {f"llmos_nb.session.{n}" for n in ["session", "start", "revive", "process", "parts", "dispatch", "toolbox"]}
    found = [(m, target) for m, _, target, _ in imports(ROOT) if m in core or room(m) == "process"]
    assert len(found) > 100 and [pair for pair in found if pair[1] in own] == []


def test_there_are_at_most_ten_floors_below_the_public_door():
    assert len(FLOORS) - 1 <= 10 and len({p.name for p in ROOT.iterdir() if p.name != "__pycache__"}) <= 15


@pytest.fixture
def small(tmp_path):
    """A package with one import that goes down through a door."""
    root = tmp_path / "llmos_nb"
    for name in ("journal", "tools", "session"):
        (root / name).mkdir(parents=True)
        (root / name / "__init__.py").write_text("")
    (root / "tools" / "protocol.py").write_text("from llmos_nb.journal import Event\n")
    return root


@pytest.mark.parametrize(
    ("line", "check", "wanted"),
    [
        ("from llmos_nb.session import Session", upward, "llmos_nb.tools.protocol:1 imports llmos_nb.session, which does not"),
        ("def f():\n    from llmos_nb.session import Session", upward, "llmos_nb.tools.protocol:2 imports llmos_nb.session"),
        ("if TYPE_CHECKING:\n    import llmos_nb.session", upward, "llmos_nb.tools.protocol:2 imports llmos_nb.session"),
        ("from llmos_nb.journal.events import Event", past_the_door, "llmos_nb.tools.protocol:1 imports llmos_nb.journal.events"),
        ("from llmos_nb.tools.protocol import Tool", circles, "llmos_nb.tools.protocol"),
    ],
)  # fmt: skip
def test_an_import_that_goes_wrong_is_found(small, line, check, wanted):
    assert (upward(small), past_the_door(small), circles(small)) == ([], [], [])
    (small / "tools" / "protocol.py").write_text(line + "\n")
    (small / "journal" / "events.py").write_text("")
    (found,) = check(small)
    assert (found if isinstance(found, str) else found[0]).startswith(wanted)


def test_drawing_of_the_rooms_counts_every_import(small):
    (small / "session" / "process.py").write_text("import llmos_nb.tools\nfrom llmos_nb.journal import Event, read\n")
    source = DRAWN["drawing"](small)
    drawn = re.findall(r'^\t(\w+) -> (\w+) \[label=(\d+) color="(#\w+)"', source, re.MULTILINE)
    dark, light = "#1e293b", "#9aa5b1"
    assert drawn == [
        ("session", "journal", "2", light),  # over tools, too
        ("session", "tools", "1", dark),
        ("tools", "journal", "1", dark),
    ]


def test_drawing_of_the_rooms_has_each_room_on_its_floor():
    svg = DRAWN["svg"]()
    found = re.findall(r"<title>(\w+)</title>\s*<path[^>]* d=\"M[-\d.]+,(-?[\d.]+)", svg)
    height = {name: float(y) for name, y in found}
    assert set(height) == set(HEIGHT)
    assert sorted(height, key=lambda name: (HEIGHT[name], name)) == sorted(
        height, key=lambda name: (-round(height[name] / 20), name)
    )


@cache
def functions():
    return [
        (f"{path.name}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1)
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_no_function_is_over_50_lines():
    assert [(name, size) for name, size in functions() if size > 50] == []


def test_the_median_function_has_at_most_10_lines():
    sizes = sorted(size for _, size in functions())
    assert sizes[len(sizes) // 2] <= 10


def test_no_file_is_over_400_lines():
    files = (p for kind in ("py", "js", "css") for p in ROOT.rglob(f"*.{kind}"))
    sizes = {str(p.relative_to(ROOT)): p.read_text(encoding="utf-8").count("\n") for p in files}
    assert {name: n for name, n in sizes.items() if n > 400} == {}


@cache
def loaded_with(door):
    """Return what a new interpreter has loaded once it has imported a door."""
    code = f"import sys, llmos_nb.errors, {door}; print(*sys.modules)"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.out_of_process
@pytest.mark.parametrize("heavy", ["aiohttp", "ipywidgets", "numpy", "pandas", "IPython", "matplotlib", "anywidget"])
@pytest.mark.parametrize("door", ["llmos_nb", "llmos_nb.session"])
def test_importing_the_package_loads_nothing_heavy(heavy, door):
    assert door in loaded_with(door) and heavy not in loaded_with(door)


def test_loading_the_extension_imports_neither_processes_nor_events():
    code = "import sys, llmos_nb.app.magics; print([m for m in sys.modules if m.startswith('llmos_nb.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "llmos_nb.app.magics" in done.stdout
    assert "llmos_nb.process.state" not in done.stdout and "llmos_nb.journal.events.base" not in done.stdout


def test_an_interpreter_that_ends_once_it_has_loaded_the_extension_says_nothing(tmp_path):
    code = "from IPython.core.interactiveshell import InteractiveShell as S; S.instance().run_line_magic('load_ext', 'llmos_nb')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "needless"),
    [
        ("--version", {"llmos_nb.session.config", "llmos_nb.journal.events", "asyncio"}),
        (
            "ps",
            {"llmos_nb.session.config", "llmos_nb.process.run", "llmos_nb.tools.schema", "asyncio", "filelock"},
        ),
    ],
)
def test_a_command_that_only_tells_loads_nothing_that_works(words, needless, tmp_path):
    code = f"import sys; from llmos_nb.app import cli; cli.main(['{words}']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    loaded = set(done.stdout.split())
    assert "llmos_nb.app.cli" in loaded and not needless & loaded


def test_public_names_are_importable():
    for name in llmos_nb.__all__:
        assert getattr(llmos_nb, name) is not None
    with pytest.raises(AttributeError):
        _ = llmos_nb.nothing


def test_each_door_exports_what_it_lists():
    for name, path in modules(ROOT).items():
        if path.name == "__init__.py":
            module = __import__(name, fromlist=["__all__"])
            assert [n for n in getattr(module, "__all__", ()) if not hasattr(module, n)] == []
