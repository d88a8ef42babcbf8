"""The files device: an overlay that is the journal's, commits that overwrite nothing, and undo."""

import pytest
from turns import call, same_as_folded

import llmos_nb as llmos
from llmos_nb.errors import SnapshotConflict
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.tools.devices.files.folder import replaced


async def working(*turns, approve="risky", **options):
    model = ScriptedModel([*turns, {"text": "Done."}])
    return await llmos.run("Change it.", model=model, namespace={}, tools=["files"], approve=approve, **options)


def results(process):
    return [c.result for c in process.run.state.calls.values()]


def tree(folder):
    """Give every file below a folder but those of the home."""
    files = (p for p in folder.rglob("*") if p.is_file() and "home" not in p.parts)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


CHANGES = [
    call("write_file", path="src/new.py", text="x = 1\n"),
    call("edit_file", path="a.txt", old="two", new="2"),
    call("delete_file", path="b.txt"),
]


@pytest.fixture
def files(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
    (tmp_path / "b.txt").write_text("gone soon\n")
    return tmp_path


async def test_uncommitted_writes_are_seen_by_the_process_alone(files):
    before = tree(files)
    p = await working(
        *CHANGES,
        call("list_files"),
        call("read_file", path="a.txt"),
        call("read_file", path="b.txt"),
        call("diff_files"),
    )
    assert p.reason == "answered" and tree(files) == before
    listed, read, gone, diff = results(p)[3:]
    assert listed == "a.txt (changed)\nsrc/new.py (new)\nb.txt (deleted)" and "\n2\n" in read
    assert "no such file" in gone
    assert "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three" in diff and "+++ /dev/null" in diff
    assert same_as_folded(p)


async def test_a_commit_is_asked_once_shows_the_diff_and_can_be_undone(files):
    before = tree(files)
    p = await working(*CHANGES, call("commit_files"))
    question = p.run.state.questions["r4.0"]
    assert p.state == "waiting" and question["title"] == "commit 3 files to the folder"
    assert "-two\n+2" in question["shows"] and "new src/new.py (+1 −0)" in question["text"] and tree(files) == before
    await p.approve("all")
    assert p.reason == "answered"
    assert tree(files) == {"a.txt": b"one\n2\nthree\n", "src/new.py": b"x = 1\n"}
    after = tree(files)
    p.undo()
    assert tree(files) == before and p.run.state.calls["r4.0"].status == "undone"
    p.redo()
    assert tree(files) == after and same_as_folded(p)


async def test_the_card_of_a_commit_shows_what_the_calls_before_it_in_its_turn_wrote(files):
    """What comes before runs first, also where it waits for a person itself."""

    def send(text: str) -> str:
        """Send a text."""
        return "sent"

    begin = {"name": "send", "arguments": {"text": "I begin."}}
    turn = {"calls": [begin, *(c for t in CHANGES for c in t["calls"]), *call("commit_files")["calls"]]}
    model = ScriptedModel([turn, {"text": "Done."}])
    p = await llmos.run("Change it.", model=model, namespace={}, tools=["files", send])
    assert p.state == "waiting" and list(p.run.state.questions) == ["r1.0"]
    await p.approve("r1.0")
    assert list(p.run.state.questions) == ["r1.4"]
    assert p.run.state.questions["r1.4"]["title"] == "commit 3 files to the folder"
    await p.approve("all")
    assert p.reason == "answered" and (files / "src/new.py").read_text() == "x = 1\n"


async def test_undo_of_a_commit_overwrites_nothing_that_changed_since(files):
    p = await working(*CHANGES, call("commit_files"), approve="auto")
    (files / "a.txt").write_text("mine\n")
    with pytest.raises(SnapshotConflict, match=r"a\.txt changed since it was committed; nothing was taken back"):
        p.undo()
    assert (files / "a.txt").read_text() == "mine\n" and not (files / "b.txt").exists()


async def test_a_conflict_is_shown_and_nothing_is_written(files):
    p = await working(*CHANGES, call("commit_files"))
    (files / "a.txt").write_text("one\nzwei\nthree\n")
    await p.approve("all")
    again = p.run.state.questions["r4.0"]  # what was approved has changed, so it asks again
    assert "has changed since you approved it" in again["text"]
    before = tree(files)
    await p.approve("all")
    assert tree(files) == before and "a.txt changed in the folder meanwhile; nothing was written" in results(p)[3]
    assert "+zwei" in results(p)[3] and p.run.state.calls["r4.0"].status == "failed"


async def test_rollback_drops_the_overlay(files):
    before = tree(files)
    p = await working(
        *CHANGES, call("rollback_files", path="a.txt"), call("diff_files"), call("rollback_files"),
        call("diff_files"), call("commit_files"), approve="auto",
    )  # fmt: skip
    assert "a.txt" not in results(p)[4] and results(p)[6:] == ["nothing is changed"] * 2 and tree(files) == before


async def test_an_undone_write_leaves_the_overlay(files):
    p = await working(call("write_file", path="c.txt", text="1"), call("ask", question="Go on?"), call("diff_files"))
    p.undo()
    await p.reply("yes")
    assert results(p)[2] == "nothing is changed"


async def test_edits_of_one_answer_do_not_lose_each_other(files):
    turn = {
        "calls": [
            {"name": "edit_file", "arguments": {"path": "a.txt", "old": w, "new": w.upper()}}
            for w in ("one", "two", "three")
        ]
    }
    p = await working(turn, call("read_file", path="a.txt"))
    assert results(p)[-1] == "ONE\nTWO\nTHREE\n"


async def test_impossible_operations_are_reported_in_one_line(files):
    (files / "raw.bin").write_bytes(b"\0\1\2" * 100)
    (files / "large.txt").write_text("x" * (1 << 20) + "y")
    (files / "out").symlink_to("/etc")
    p = await working(
        call("read_file", path="raw.bin"),
        call("read_file", path="large.txt"),
        call("read_file", path="out/passwd"),
        call("write_file", path="../x", text=""),
        call("write_file", path=".git/hooks/pre-commit", text=""),
        call("edit_file", path="a.txt", old="e", new="x"),
        call("read_file", path="a.tx"),
    )
    assert results(p)[0].startswith("raw.bin is no text: 300 bytes, sha256")
    for result, words in zip(
        results(p)[1:],
        ["at most", "leads out", "is with ..", "is closed", "3 times", "did you mean a.txt"],
        strict=True,
    ):
        assert words in result and "\n" not in result


async def test_a_long_file_is_read_in_pieces(files):
    (files / "long.txt").write_text("".join(f"line {i}\n" for i in range(1, 2_001)))
    turns = [call("read_file", path="long.txt"), call("read_file", path="long.txt", first=1_990)]
    first, last = results(await working(*turns, context="9k"))
    assert first.endswith("go on with first=435]") and len(first) < 4_096 and last.endswith("line 2000\n")


async def test_a_glob_gives_all_files_whole_each_under_its_name(files):
    (files / "logs").mkdir()
    (files / "logs" / "two.txt").write_text("2\n")
    (files / "logs" / "raw.bin").write_bytes(b"\0\1")
    (files / "odd[1].txt").write_text("odd")
    (files / "top.py").write_text("y = 2\n")
    p = await working(
        CHANGES[0],
        call("read_file", path="logs/*"),
        call("read_file", path="**/*.py"),
        call("read_file", path="odd[1].txt"),
        call("read_file", path="*.none"),
    )
    _, several, python, odd, none = results(p)
    assert several.startswith("== logs/raw.bin\nno text: 2 bytes") and several.endswith("\n== logs/two.txt\n2")
    assert (
        python == "== src/new.py\nx = 1\n== top.py\ny = 2"
        and odd == "odd"
        and none.startswith("UsageError: '*.none': no file fits")
    )


async def test_files_that_are_too_much_for_one_result_are_listed_with_sizes_and_what_to_do(files):
    for n in range(3):
        (files / f"long{n}.log").write_text(f"line {n}\n" * 1_000)
    p = await working(call("read_file", path="*.log"), context="9k")
    assert results(p)[0].startswith(
        "long0.log: 7,000 bytes\nlong1.log: 7,000 bytes\nlong2.log: 7,000 bytes\n[3 files, 21,000"
    )
    assert "search_files(pattern, files=…)" in results(p)[0] and len(results(p)[0].encode()) < 4_096


@pytest.mark.parametrize(("path", "after"), [("*.txt", "untrusted"), ("b*", "trusted")])
async def test_a_glob_takes_over_the_labels_of_the_files_that_it_gives(files, path, after):
    (files / "llmos.toml").write_text("[labels]\n'file:a.txt' = 'untrusted'\n")
    p = await working(call("read_file", path=path))
    assert p.run.state.calls["r1.0"].ok and p.run.state.labels.get("*", "trusted") == after


async def test_a_model_with_room_reads_a_file_whole(files):
    text = "".join(f"line {i}\n" for i in range(1, 2_001))
    (files / "long.txt").write_text(text)
    p = await working(call("read_file", path="long.txt"))
    assert results(p) == [text] and text in p.run.state.context.messages()[-2].text


async def test_an_overlay_survives_a_crash_and_agrees_with_the_journal(files):
    turns = [*CHANGES, call("ask", question="Go on?"), call("commit_files"), {"text": "Done."}]
    p = await llmos.run("Change it.", model=ScriptedModel(turns), namespace={}, tools=["files"], approve="auto")
    assert p.state == "waiting"
    q = llmos.load(p.journal.path, model=ScriptedModel(turns), namespace={})  # as in a new kernel
    await q.resume()
    await q.reply("yes")
    assert q.reason == "answered" and tree(files) == {"a.txt": b"one\n2\nthree\n", "src/new.py": b"x = 1\n"}


async def test_a_commit_broken_off_half_way_is_finished(files, monkeypatch):
    written = []

    def breaking(path, raw):
        if written:
            raise KeyboardInterrupt  # the machine goes down
        written.append(path)
        replaced(path, raw)

    two = [CHANGES[0], CHANGES[1], call("commit_files")]
    p = await working(*two)
    monkeypatch.setattr("llmos_nb.tools.devices.files.folder.replaced", breaking)
    events = p.journal.path.read_bytes()
    await p.approve("all")
    assert len(written) == 1
    monkeypatch.setattr("llmos_nb.tools.devices.files.folder.replaced", replaced)
    lines = p.journal.path.read_bytes().splitlines(keepends=True)
    kept = next(i for i, line in enumerate(lines) if b'"k":"call.started"' in line and b'"r3.0"' in line)
    torn = files / "torn" / "journal.jsonl"  # the journal as it was when the commit was under way
    torn.parent.mkdir()
    torn.write_bytes(b"".join(lines[: kept + 1]))
    assert torn.read_bytes().startswith(events[:100])
    q = llmos.load(torn, model=ScriptedModel([*two, {"text": "Done."}]), namespace={})
    await q.resume()
    await q
    assert q.reason == "answered" and (files / "a.txt").read_text() == "one\n2\nthree\n"
    assert (files / "src/new.py").read_text() == "x = 1\n"


async def test_the_mode_of_a_file_stays(files):
    (files / "a.txt").chmod(0o750)
    await working(CHANGES[1], call("commit_files"), approve="auto")
    assert (files / "a.txt").stat().st_mode & 0o777 == 0o750


async def test_an_exported_commit_writes_the_same_files(files, tmp_path):
    p = await working(*CHANGES, call("commit_files"), approve="auto")
    after = tree(files)
    p.undo()
    source = "\n".join(p.run.tools[c.name].as_code(c) for c in p.run.state.calls.values())
    exec(source, {})
    assert tree(files) == after


async def test_a_file_written_after_reading_untrusted_data_stays_untrusted(files):
    (files / "llmos.toml").write_text('[labels]\nmail = "untrusted"\n')
    model = ScriptedModel(
        [
            call("python", code="mail"),
            call("write_file", path="note.txt", text="hi"),
            call("commit_files"),
            {"text": "Done."},
        ]
    )
    p = await llmos.run("Look.", model=model, namespace={"mail": "x"}, tools=["files"], approve="auto")
    assert p.run.state.labels[f"file:{files.resolve()}/note.txt"] == "untrusted"


async def test_a_file_has_a_label_once_it_is_committed_and_not_where_its_change_was_dropped(files):
    (files / "llmos.toml").write_text('[labels]\nmail = "untrusted"\n')
    turns = [call("python", code="mail"), *CHANGES, call("rollback_files", path="a.txt"), call("commit_files")]
    model = ScriptedModel([*turns, {"text": "Done."}])
    p = await llmos.run("Look.", model=model, namespace={"mail": "x"}, tools=["files"], approve="step")
    for n in range(1, 6):
        await p.approve(f"r{n}.0")
    assert {n for n in p.run.state.labels if n.startswith("file:")} == set()
    await p.approve("all")
    changed = {f"file:{files.resolve()}/{name}" for name in ("b.txt", "src/new.py")}
    assert p.reason == "answered" and {n for n in p.run.state.labels if n.startswith("file:")} == changed


@pytest.mark.parametrize("mode", ["risky", "plan", "auto", "never"])
async def test_what_only_the_process_sees_is_written_unasked_also_after_others_data(files, mode):
    (files / "llmos.toml").write_text('[labels]\nmail = "untrusted secret"\n')
    turns = [call("python", code="len(mail)"), *CHANGES, call("rollback_files", path="b.txt"), call("commit_files")]
    model = ScriptedModel([*turns, {"text": "Done."}])
    p = await llmos.run("Look.", model=model, namespace={"mail": "x"}, tools=["files"], approve=mode)
    *own, commit = list(p.run.state.calls.values())[1:]
    assert [c.status for c in own] == ["done"] * 4 and not any(n.startswith("file:") for n in p.run.state.labels)
    if mode in ("risky", "plan"):  # what others see is asked, and says whose words are in it
        question = p.run.state.questions[commit.id]
        assert any("has read untrusted data" in said for _, said in question["risks"])
    else:
        assert commit.status == "rejected"


async def test_fork_starts_with_the_overlay_of_its_event(files):
    turns = [CHANGES[0], call("ask", question="Go on?"), CHANGES[1], call("commit_files"), {"text": "Done."}]
    p = await llmos.run("Change it.", model=ScriptedModel(turns), namespace={}, tools=["files"], approve="auto")
    asked = next(e.n for e in p.events if e.k == "question.asked")
    q = p.fork(at=asked, isolate=True)
    await q.resume()
    await q.reply("yes")
    assert q.reason == "answered" and (files / "src/new.py").read_text() == "x = 1\n"
    assert (files / "a.txt").read_text() == "one\n2\nthree\n"
    (listed,) = [await p.run.tools["list_files"].runner({"pattern": "*.*"}, None)]
    assert "src/new.py" in listed.text and "a.txt (changed)" not in listed.text  # the parent has not edited it


async def test_a_search_finds_lines_of_files_as_the_process_has_changed_them(files):
    p = await working(
        *CHANGES,
        call("search_files", pattern=r"^(2|x = \d)"),
        call("search_files", pattern="one(", files="*.txt"),
        call("search_files", pattern="gone"),
    )
    assert results(p)[3] == "a.txt:2: 2\nsrc/new.py:1: x = 1"
    assert results(p)[4] == "nothing fits 'one(' in '*.txt'" and results(p)[5].startswith("nothing fits 'gone'")


async def test_a_search_over_a_file_with_a_label_takes_the_label_over(files):
    (files / "llmos.toml").write_text("[labels]\n'file:a.txt' = 'untrusted'\n")
    p = await working(call("search_files", pattern="one"))
    assert "a.txt:1: one" in results(p)[0] and p.run.state.labels["*"] == "untrusted"


async def test_old_and_new_are_described_each_for_itself(files):
    p = await working(call("list_files"))
    told = p.run.tools["edit_file"].schema["properties"]
    assert told["old"]["description"] != told["new"]["description"]
