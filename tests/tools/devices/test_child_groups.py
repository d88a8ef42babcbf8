"""What bounds all processes of a child together, and what an interpreter must not run before it is held."""

import asyncio
import os
import sys
import sysconfig
from pathlib import Path

import pytest

from llmos_nb.tools import CallContext
from llmos_nb.tools.devices.child import Setup, isolated
from llmos_nb.tools.devices.child.launch import protections
from llmos_nb.tools.devices.child.sandbox import cgroup, filesystem, landlock

pytestmark = [
    pytest.mark.out_of_process,
    pytest.mark.skipif(landlock.version() < 6, reason="this system has no Landlock, or an old one"),
]
FREE = "a group was handed to this user"


def tree(tmp_path, own="/user.slice/app.slice/x.scope", root="/", handed=("app.slice",)):
    """Write what the system says of a tree of groups; return the folder of `/proc/self` and that of the tree."""
    top, proc = tmp_path / "tree", tmp_path / "proc"
    proc.mkdir()
    place = top / own.removeprefix(root).lstrip("/")
    place.mkdir(parents=True)
    for folder in (place, *place.parents):
        if folder.is_relative_to(top):
            said = "cpu memory pids\n" if folder.name in handed else "\n"
            (folder / "cgroup.subtree_control").write_text(said)
    (proc / "cgroup").write_text(f"4:memory:/elsewhere\n0::{own}\n")
    (proc / "mountinfo").write_text(
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        f"32 31 0:29 {root} {top} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
    )
    return proc, top


def test_a_group_is_made_beside_that_of_this_process_where_that_was_handed_over(tmp_path):
    proc, top = tree(tmp_path)
    group = Path(cgroup.made(900 << 20, 130, proc))
    assert group.parent == top / "user.slice" / "app.slice" and group.stat().st_mode & 0o777 == 0o700
    told = {f.name: f.read_text() for f in group.iterdir()}
    assert told == {
        "memory.max": str(900 << 20), "memory.oom.group": "1", "memory.swap.max": "0", "pids.max": "130",
    }  # fmt: skip


def test_a_group_is_found_where_a_container_shows_a_part_of_the_tree(tmp_path):
    proc, top = tree(tmp_path, own="/pod/one", root="/pod", handed=("one",))
    assert Path(cgroup.made(1 << 30, 9, proc)).parent == top / "one"


@pytest.mark.parametrize(
    "how", [{"handed": ()}, {"handed": ("user.slice",)}, {"own": "/", "handed": ()}]
)  # neither its own nor the one above
def test_no_group_is_made_where_none_was_handed_over(tmp_path, how):
    proc, top = tree(tmp_path, **how)
    assert cgroup.made(1 << 30, 9, proc) == "" and not list(top.rglob("llmos-child-*"))


def test_no_group_is_made_on_a_system_that_has_none(tmp_path):
    assert cgroup.made(1 << 30, 9, tmp_path) == ""


def test_a_group_that_takes_no_bound_is_taken_away(tmp_path, monkeypatch):
    proc, top = tree(tmp_path)
    write = Path.write_text

    def refuses(path, *given, **how):
        if path.name == "pids.max":
            for left in path.parent.iterdir():  # the system's own files go with their folder
                left.unlink()
            raise OSError("no such controller")
        return None if path.name == "cgroup.kill" else write(path, *given, **how)

    monkeypatch.setattr(Path, "write_text", refuses)
    assert cgroup.made(1 << 30, 9, proc) == "" and not list(top.rglob("llmos-child-*"))


def test_a_child_enters_its_group_first_and_says_which_bound_it_has(tmp_path, monkeypatch):
    proc, _ = tree(tmp_path)
    found, make = [], cgroup.made
    monkeypatch.setattr(cgroup, "made", lambda *bounds: found.append(make(*bounds, proc)) or found[-1])
    monkeypatch.setattr(cgroup, "removed", lambda group: None)  # here it is a plain folder
    held = {p.name: p.how for p in protections(Setup(memory=900 << 20))}
    assert held["memory"] == "at most 900 MiB of memory together (by a control group)"
    assert held["processes"] == "at most 128 processes, which end with it (by a control group)"
    (group,) = map(Path, found)
    assert (group / "cgroup.procs").read_text().isdecimal() and (group / "cgroup.kill").read_text() == "1"


def test_limits_hold_it_elsewhere_and_it_says_so(monkeypatch):
    monkeypatch.setattr(cgroup, "made", lambda *bounds: "")
    held = {p.name: p.how for p in protections(Setup(memory=900 << 20))}
    assert held["memory"] == "at most 900 MiB of memory together (by limits)"
    assert "(by limits)" in held["processes"] and "control group" not in str(held)


@pytest.mark.skipif(not (made := cgroup.made(1 << 30, 99)) or cgroup.removed(made), reason=f"only where {FREE}")
def test_a_group_that_was_handed_over_bounds_all_together_and_is_taken_away():
    before = {p.name for p in Path(made).parent.iterdir()}
    child = isolated({}, [], Setup(memory=400 << 20))
    many = (
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        held = b'x' * (200 << 20)\n        time.sleep(60)\n"
        "time.sleep(60)"
    )
    result = asyncio.run(child.call("python", {"code": many}, CallContext("r1.0", "k", 15)))
    assert "ended (signal 9)" in result.text and "by a control group" in str(protections(Setup()))
    child.close()
    assert {p.name for p in Path(made).parent.iterdir()} == before


# before it is held


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A stranger's folder, where somebody works, on the path of modules: what Python runs of it at its start."""
    folder = tmp_path / "clone"
    folder.mkdir()
    act = f"import os\nopen({str(tmp_path / 'touched')!r}, 'w').close()\n"
    for name in ("sitecustomize", "usercustomize", sysconfig._get_sysconfigdata_name(), "lazy_loader"):
        (folder / f"{name}.py").write_text(act)
    (folder / "helper.py").write_text("n = 42\n")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


def test_nothing_of_the_working_folder_runs_before_a_child_is_held(clone):
    child = isolated({}, [])
    result = asyncio.run(child.call("python", {"code": "import helper\nhelper.n"}, CallContext("r1.0", "k", 20)))
    child.close()
    assert result.ok and "42" in result.text, "its modules can be imported there"
    assert not (clone.parent / "touched").exists()


def test_path_before_a_child_is_held_keeps_what_is_installed_and_this_package(clone, monkeypatch):
    (clone / "src").mkdir()
    monkeypatch.setattr(sys, "path", ["", str(clone / "src"), *sys.path])
    path = filesystem.path_before().split(os.pathsep)
    assert not any(Path(p).is_relative_to(clone) for p in path)
    assert str(Path(filesystem.__file__).resolve().parents[5]) in path
    assert {str(Path(p).resolve()) for p in sys.path if p and not Path(p).resolve().is_relative_to(clone)} == {*path}


def test_pairs_of_sockets_and_looks_at_files_lead_nowhere(tmp_path):
    """What the page says of both: a pair ends in the child; of a file outside it is told that it is there, not what is in it."""
    (tmp_path / "secret.txt").write_text("0815")
    code = f"""
import os, socket
one, two = socket.socketpair()
one.send(b"within")
print(two.recv(6).decode())
for act in (lambda: one.connect("/tmp/x"), lambda: socket.socketpair(socket.AF_INET), lambda: one.sendto(b"x", "\\0abstract")):
    try:
        print("DID IT", act())
    except OSError:
        print("refused")
print(os.stat({str(tmp_path / "secret.txt")!r}).st_size)
try:
    print(open({str(tmp_path / "secret.txt")!r}).read())
except OSError:
    print("refused")
try:
    print(os.listdir({str(tmp_path)!r}))
except OSError:
    print("refused")
"""
    child = isolated({}, [])
    result = asyncio.run(child.call("python", {"code": code}, CallContext("r1.0", "k", 20)))
    child.close()
    lines = [line for line in result.text.splitlines() if not line.startswith("[child process")]
    assert lines == ["within", "refused", "refused", "refused", "4", "refused", "refused"], result.text
    page = (Path(__file__).parents[3] / "docs" / "security.md").read_text("utf-8")
    assert "socket but pairs within itself (`socketpair`" in page and "how large and how old (`stat`)" in page
