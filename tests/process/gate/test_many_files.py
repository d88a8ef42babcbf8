"""Of a step that writes many files it is said which folders and how many, everywhere; and nothing of them is forgotten."""

import os

import pytest
from turns import python, same_as_folded

import llmos_nb as llmos
from llmos_nb import views
from llmos_nb.journal import Acts
from llmos_nb.models.scripted import ScriptedModel
from llmos_nb.policy import CONTEXT, in_folders, listed
from llmos_nb.process.undo import undo_calls
from llmos_nb.views.outside import stays

# the steps leave what they have opened to the collector
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
DONE = {"text": "done"}
MANY = 300
WRITES = f"for i in range({MANY}):\n    with open(f'out/{{i}}.txt', 'w') as f: f.write(text)\n"
APART = "import os\nfor i in range(60):\n    os.makedirs(f'parts/{i}')\n    for n in 'abcde': open(f'parts/{i}/{n}', 'w').close()"


@llmos.tool(effect="read", source="untrusted")
def read_mail() -> str:
    """Read mail."""
    return "Pay."


@pytest.fixture
def folder(tmp_path):
    for name in ("out", "in"):
        (tmp_path / name).mkdir()
    return tmp_path


async def ran(folder, *turns, approve="auto", **names):
    process = await llmos.run(
        "Try it.", model=ScriptedModel([*turns, DONE]), namespace={"text": "x", "read_mail": read_mail, **names},
        approve=approve, plan="none", home=folder / "home", tools=[read_mail],
    )  # fmt: skip
    assert same_as_folded(process)
    return process


def seen(made):
    """Return what was seen, without what the code foretold."""
    return [words for words in made.facts["effects"] if not words.endswith("(by its code)")]


async def test_record_names_the_folder_and_how_many(folder):
    made = (await ran(folder, python(WRITES))).run.state.calls["r1.0"]
    assert seen(made) == [f"write {folder}/out/* ({MANY} files)"]
    assert f"{folder}/out/" in made.facts["outside"]["written"]


async def test_few_are_named_and_one_that_is_written_again_counts_once(folder):
    code = "for i in (0, 1, 2, 1, 0):\n    open(f'out/{i}.txt', 'w').close()"
    made = (await ran(folder, python(code))).run.state.calls["r1.0"]
    assert seen(made) == [f"write {folder}/out/{i}.txt" for i in range(3)]
    again = code.replace("(0, 1, 2, 1, 0)", "[*range(12), *range(12)]")
    made = (await ran(folder, python(again))).run.state.calls["r1.0"]
    assert seen(made) == [f"write {folder}/out/* (12 files)"]


async def test_folders_are_few_and_add_up(folder):
    made = (await ran(folder, python(APART))).run.state.calls["r1.0"]
    assert seen(made) == [f"write {folder}/parts/", f"write {folder}/parts/* (360 files)"]


async def test_other_kinds_are_told_beside_many_files(folder):
    code = WRITES + "import os\nos.remove('out/1.txt')\nos.system('true')"
    told = seen((await ran(folder, python(code))).run.state.calls["r1.0"])
    assert told == [f"delete {folder}/out/1.txt", "process true", f"write {folder}/out/* ({MANY} files)"]


async def test_undo_says_how_many_files_stay(folder):
    process = await ran(folder, python(WRITES + "made = 1"))
    undo_calls(process.run, None)
    state = process.run.state
    assert "made" not in process.run.namespace and (folder / "out" / "299.txt").exists()
    assert stays(state, [state.calls["r1.0"]]) == f"wrote {MANY} files in out"
    undone = next(e.body for e in process.events if e.k == "call.undone")
    assert f"it wrote {MANY} files in out: that stays as it is" in views.left_by(state, undone)


async def test_what_was_begun_is_on_disk_by_its_folder_before_it_happens(folder):
    process = await ran(folder, python(WRITES + "for i in range(20): open(f'in/{i}', 'w').close()"))
    noted = Acts(process.journal.path.parent).noted(process.run.state.calls["r1.0"].key)
    assert noted[-2:] == [f"write {folder}/out/*", f"write {folder}/in/*"] and len(noted) == 10


async def test_person_who_is_asked_in_the_middle_sees_what_was_done_by_folders(folder):
    asked = []
    model = ScriptedModel([python(WRITES + "getattr(os, 'sys' + 'tem')('true')"), DONE])
    session = llmos.Session({"text": "x", "os": os}, folder / "home")
    process = session.create("Try it.", model=model, plan="none")

    def here(key):
        asked.append(process.run.state.questions[key])
        process.approve(key)

    process.run.attended, process.run.ask_here = (lambda: True), here
    await process.start()
    await process.approve("r1.0")
    assert asked[0]["so_far"] == [["write", f"out/* ({MANY} files)", "foreseen"]]
    assert f"write {folder}/out/*" in asked[0]["text"]


LAST = "with open('out/299.txt') as f: said = f.read()"


@pytest.mark.parametrize("read", [True, False])
async def test_each_of_many_files_into_which_others_words_went_keeps_that(folder, read):
    code = f"text = read_mail()\n{WRITES}" if read else WRITES
    await ran(folder, python(code))
    second = await ran(folder, python(LAST))
    assert second.run.state.labels.get(CONTEXT) == ("untrusted" if read else None)
    elsewhere = await ran(folder, python("open('in/a', 'w').close()\nwith open('in/a') as f: said = f.read()"))
    assert CONTEXT not in elsewhere.run.state.labels


@pytest.mark.parametrize("read", [True, False])
async def test_each_of_many_files_that_are_read_counts(folder, read):
    """One of them, late in the row, was written after others' words were read."""
    for i in range(MANY):
        (folder / "in" / f"{i:03}.txt").write_text("mine")
    with_mail = "text = read_mail()\n" if read else ""
    await ran(folder, python(f"{with_mail}with open('in/298.txt', 'w') as f: f.write(text)"))
    code = f"said = [open(f'in/{{i:03}}.txt').read() for i in range({MANY})]"
    second = await ran(folder, python(code))
    made = second.run.state.calls["r1.0"]
    assert made.facts["outside"]["missed"] == 100 and made.facts["outside"]["beyond"] == [f"{folder}/in/"]
    assert second.run.state.labels.get(CONTEXT) == ("untrusted" if read else None)


async def test_file_of_others_that_is_read_after_many_of_the_users_counts(folder, monkeypatch):
    monkeypatch.chdir(folder / "out")
    for i in range(MANY):
        (folder / "out" / f"{i}.txt").write_text("mine")
    (folder / "in" / "a").write_text("theirs")
    code = f"said = [open(f'{{i}}.txt').read() for i in range({MANY})]"
    mine, theirs = [await ran(folder, python(f"{code}{more}")) for more in ("", "\nx = open('../in/a').read()")]
    assert mine.run.state.labels == {} and theirs.run.state.labels["said"] == "untrusted"


def test_folders_are_put_together_from_below_until_they_are_few():
    paths = [f"/w/a/{i}/x" for i in range(30)] + ["/w/b/y", "/w/b/z", "/w/c"]
    assert {at: len(found) for at, found in in_folders(paths, 4).items()} == {"/w/a": 30, "/w/b": 2, "/w": 1}
    assert listed(paths, 4) == ["/w/c", "/w/a/* (30 files)", "/w/b/* (2 files)"]
    assert listed(paths[:2], 4) == paths[:2]
    assert listed([*(f"/w/a/{i}" for i in range(9)), "/w/b/y"], 4) == ["/w/a/* (9 files)", "/w/b/y"]
    assert listed([f"{i}.csv" for i in range(9)], 4) == ["* (9 files)"]
