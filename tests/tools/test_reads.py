"""What a step or a cell read and wrote: files of the user's, but nothing that libraries keep for themselves."""

from llmos_nb.tools.reads import Reads


def noted(*opened):
    reads = Reads()
    for path, mode in opened:
        reads.opened(path, mode, None)
    found = reads.plain()
    return [f["path"] for f in found.get("files", ())], found.get("written", [])


def test_files_of_the_user_are_noted(tmp_path):
    (tmp_path / "data.csv").write_text("a")
    data, made = str(tmp_path / "data.csv"), str(tmp_path / "made.txt")
    assert noted((data, "r"), (made, "w")) == ([data], [made])


def test_what_a_library_keeps_for_itself_is_neither_input_nor_effect(tmp_path, monkeypatch):
    folder = tmp_path / "fonts"
    folder.mkdir()
    (folder / "list.json").write_text("{}")
    file = str(folder / "list.json")
    assert noted((file, "r")) == ([file], []) and noted((file, "w")) == ([], [file])
    monkeypatch.setenv("MPLCONFIGDIR", str(folder))
    assert noted((file, "r")) == noted((file, "w")) == ([], [])
