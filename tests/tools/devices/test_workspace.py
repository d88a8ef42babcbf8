"""Names that a model gives are paths in the workspace, or errors: no way out by any spelling."""

import os
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from llmos_nb.errors import UsageError
from llmos_nb.tools.devices import workspace
from llmos_nb.tools.devices.workspace import Workspace

OUT = [
    "..", "../a", "a/../../b", "a/../b", "./../a", "/etc/passwd", "//etc", "~/a", "~root/a", "C:/a", "c:a", "a\\b", "..\\a", "\\\\host\\a",
    "", " ", "a\0b", "a\nb", "... /a", ".. /a", "..\u200b/a", "a/.. /b", "a/\u202e../b", "x" * 2_000,
    ".git/config", ".GIT/config", "a/.Git/hooks/pre-commit", ".git. /config", ".g\u200cit/config", ".git\u200b/x", "．git/config", "GIT~1/config",
    ".llmos/runs", ".LLMOS/a", ".ssh/id_rsa", "sub/.netrc", "\ud800",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "desk"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_text("a = 1\n")
    (root / ".git").mkdir()
    (tmp_path / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    (root / "inside.py").symlink_to(root / "src" / "a.py")
    (root / "loop").symlink_to(root / "loop")
    (root / "gitlink").symlink_to(root / ".git")
    return root


@pytest.mark.parametrize("name", OUT)
def test_no_spelling_of_a_path_leaves_the_workspace(folder, name):
    with pytest.raises(UsageError):
        Workspace(folder).place(name)


@pytest.mark.parametrize(
    "name", ["link.txt", "up/outside.txt", "up/desk/src/../../outside.txt", "loop", "loop/a", "gitlink/config"]
)
def test_no_link_leaves_the_workspace(folder, name):
    with pytest.raises(UsageError):
        Workspace(folder).place(name)


@pytest.mark.parametrize(
    "name",
    [
        "src/a.py",
        "./src/a.py",
        "new/deep/b.txt",
        "a b.txt",
        "ä.txt",
        "..a",
        "a..b",
        ".env.example",
        "inside.py",
    ],
)
def test_plain_names_are_paths(folder, name):
    assert Workspace(folder).place(name).is_relative_to(folder.resolve())


def test_the_home_is_closed_wherever_it_is(folder):
    with pytest.raises(UsageError, match="closed"):
        Workspace(folder, (folder / "journals",)).place("journals/x")


PART = st.sampled_from(
    [
        "..",
        ".",
        "",
        "a",
        "src",
        "link.txt",
        "up",
        "~",
        "C:",
        ".git",
        ".GIT",
        ".. ",
        "\\",
        "loop",
        "...",
        "\u200b..",
        "gitlink",
        "~1",
    ]
)


@given(st.lists(PART | st.text(max_size=4), max_size=6))
@example(["up", "outside.txt"])
def test_every_accepted_path_is_inside(parts):
    root = Path(os.environ["LLMOS_HOME"]).parent / "work"
    if not root.exists():
        (root / ".git").mkdir(parents=True)
        (root / "up").symlink_to(root.parent)
        (root / "gitlink").symlink_to(root / ".git")
        (root / "loop").symlink_to(root / "loop")
    try:
        found = Workspace(root).place("/".join(parts))
    except UsageError:
        return
    assert found.is_relative_to(root.resolve()) and ".git" not in [
        p.lower() for p in found.relative_to(root.resolve()).parts
    ]


def test_the_property_fails_where_names_are_not_checked(folder, monkeypatch):
    monkeypatch.setattr(workspace, "_check_words", lambda name: None)
    monkeypatch.setattr(workspace, "_check_case", lambda *_: None)
    monkeypatch.setattr(Workspace, "_is_closed", lambda *_: False)
    monkeypatch.setattr(Path, "is_relative_to", lambda self, other: True)
    assert not str(Workspace(folder).place("../outside.txt")).startswith(str(folder))


def test_a_second_spelling_of_a_file_is_named(folder, monkeypatch):
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda p: exists(p) or exists(p.with_name(p.name.lower())))  # as on macOS
    with pytest.raises(UsageError, match="another spelling"):
        Workspace(folder).place("src/A.py")


def test_only_files_of_the_workspace_are_listed(folder):
    os.mkfifo(folder / "pipe")
    assert Workspace(folder).files() == ["src/a.py"] and Workspace(folder).files("src/*") == ["src/a.py"]
