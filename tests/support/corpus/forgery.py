"""Tampering with the checksums made anew by our own `seal`: only a signature shows it. Each with what is named."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from corpus.tampering import KINDS, Kind, about, cell, place

from llmos_nb.export.cells import read, write
from llmos_nb.export.inputs import digest_file
from llmos_nb.export.verify.seal import seal

FORGERIES: dict[str, Kind] = {}
# A hash made anew is right again, so that nothing is left of it; a cell twice under one id is seen without signature.
_MENDED = ("cells_hash_changed", "cell_doubled")
_ELSEWHERE = {
    "input_changed": "metadata.llmos_nb input sales.csv was changed",
    "journal_cut": "metadata.llmos_nb journals was changed",
    "model_changed": "metadata.llmos_nb process 1, model was changed",
}
for _name, _kind in KINDS.items():
    if _name not in _MENDED:
        FORGERIES[_name] = Kind(_name, _ELSEWHERE.get(_name, _kind.where), _kind.do)


def forgery(where: str):
    """Register a way to tamper that only somebody who makes the checksums anew would try."""

    def register(do):
        FORGERIES[do.__name__] = Kind(do.__name__, where, do)
        return do

    return register


def forged(notebook: Path, name: str) -> Path:
    """Tamper with a notebook in its place, and make everything else fit."""
    book = json.loads(notebook.read_text())
    FORGERIES[name].do(book, notebook.parent)
    notebook.write_text(json.dumps(book))
    return sealed_again(notebook)


def sealed_again(notebook: Path) -> Path:
    """Make all checksums fit what a notebook, the files beside it and its kept journals say now."""
    book = read(notebook)
    for one in about(book)["inputs"]:
        one["sha256"] = digest_file(notebook.parent / one["path"])
    for process, journal in zip(about(book)["processes"], about(book).get("journals", ()), strict=False):
        if journal["events"] and journal["events"][-1]["n"] != process["journal"]["events"] - 1:
            process["journal"]["hash"] = journal["events"][-1]["hash"]
    seal(book)
    return write(book, notebook)


def new_key(folder: Path, name: str, passphrase: str = "") -> Path:
    """A new ssh key."""
    path = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def allowed(file: Path, principal: str, key: Path, options: str = "") -> Path:
    """A file of allowed signers with one line."""
    kind, text, *_ = key.with_name(f"{key.name}.pub").read_text().split()
    file.write_text(" ".join(filter(None, [principal, options, kind, text])) + "\n")
    return file


def _swap(book: dict, name: str, old: str, new: str) -> None:
    text = "".join(cell(book, name)["source"])
    assert old in text, f"the note of {name} does not say {old!r}"
    cell(book, name)["source"] = text.replace(old, new)


@forgery("cell r1-0-note its source was changed")
def approval_in_note(book, folder):
    _swap(book, "r1-0-note", "</small>", "; approved by Prof. X</small>")


@forgery("cell r1-0-note its metadata was changed")
def approval_in_notes_metadata(book, folder):
    cell(book, "r1-0-note")["metadata"]["llmos_nb"]["by"] = {"kind": "person", "name": "Prof. X"}


@forgery("cell answer its source was changed")
def answer_turned_round(book, folder):
    _swap(book, "answer", "what it is", "not what it is")


@forgery("metadata.llmos_nb process 1, answer was changed")
def answer_in_the_record(book, folder):
    about(book)["processes"][0]["answer"] = "The mean is 42."


@forgery("metadata.llmos_nb process 1, goal was changed")
def goal_changed(book, folder):
    about(book)["processes"][0]["goal"] = "Show that the mean is 42"


@forgery("cell course its source was changed")
def model_in_the_title(book, folder):
    _swap(book, "course", "of script", "of a far better model")


@forgery("metadata.llmos_nb process 1, settings was changed")
def mode_changed(book, folder):
    about(book)["processes"][0]["settings"]["approve"] = "step"


@forgery("metadata.llmos_nb process 1, reason was changed")
def reason_changed(book, folder):
    about(book)["processes"][0]["reason"] = "budget"


@forgery("metadata.llmos_nb process 1, usage was changed")
def usage_changed(book, folder):
    about(book)["processes"][0]["usage"]["steps"] = 1


@forgery("metadata.llmos_nb it names another head of the journal")
def head_of_the_journal_changed(book, folder):
    about(book)["processes"][0]["journal"]["hash"] = "0" * 64
    about(book)["journals"] = []


@forgery("metadata.llmos_nb journals was taken out")
def kept_journal_taken_out(book, folder):
    del about(book)["journals"]


@forgery("metadata.llmos_nb pylock was changed")
def lock_changed(book, folder):
    about(book)["pylock"] = about(book)["pylock"].replace('"pandas"', '"pandas-evil"')


@forgery("metadata.llmos_nb tolerance was changed")
def tolerance_widened(book, folder):
    about(book)["tolerance"]["rel"] = 10.0


@forgery("metadata.llmos_nb platform was changed")
def platform_changed(book, folder):
    about(book)["platform"]["python"] = "2.7"


@forgery("metadata.llmos_nb unchecked was changed")
def name_declared_unchecked(book, folder):
    about(book)["unchecked"]["mean"] = "it rests on time"


@forgery("cell r1-0 its metadata was changed")
def digest_of_a_value_changed(book, folder):
    cell(book, "r1-0")["metadata"]["llmos_nb"]["values"]["mean"] = "0" * 64


@forgery("cell r1-0 its metadata was changed")
def output_declared_volatile(book, folder):
    cell(book, "r1-0")["metadata"]["llmos_nb"]["volatile"] = {"0": "all"}


@forgery("cell twice it was added")
def cell_doubled_under_another_id(book, folder):
    book["cells"].append({**cell(book, "r1-0"), "id": "twice"})


@forgery("cell evidence its source was changed")
def assertion_changed(book, folder):
    cell(book, "evidence")["source"] = "# What the answer rests on."


@forgery("cell evidence it was taken out")
def assertions_taken_out(book, folder):
    del book["cells"][place(book, "evidence")]


@forgery("cell plan its source was changed")
def plan_changed(book, folder):
    _swap(book, "plan", "a number", "42")


@forgery("metadata.llmos_nb input sales.csv was changed")
def hash_of_an_input_changed(book, folder):
    (folder / "sales.csv").write_text("region,month,amount\nnorth,1,42\n")


@forgery("metadata.llmos_nb input other.csv was added")
def input_added(book, folder):
    (folder / "other.csv").write_text("a\n1\n")
    about(book)["inputs"].append({"path": "other.csv", "kind": "file", "bytes": 4, "sha256": ""})


@forgery("metadata.llmos_nb process 2, pid was added")
def process_added(book, folder):
    about(book)["processes"].append({**about(book)["processes"][0], "pid": 2})
