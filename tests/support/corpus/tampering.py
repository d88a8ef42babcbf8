"""Twenty kinds of tampering, each with the place that must be named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from process_runs import ProcessRun, file
from real_runs.cases.tables import SALES

from llmos_nb.export import export


@dataclass(frozen=True)
class Kind:
    """A way to tamper: what it does to the notebook or its folder, and where the report must point."""

    name: str
    where: str
    do: Callable[[dict, Path], object]


KINDS: dict[str, Kind] = {}


def kind(where: str):
    """Register a way to tamper."""

    def register(do):
        KINDS[do.__name__] = Kind(do.__name__, where, do)
        return do

    return register


def victim(folder: Path) -> Path:
    """An exported notebook that has everything: text, a picture, inputs, notes, a kept journal, parameters."""
    file(folder, "sales.csv", SALES)
    r = ProcessRun("Look at the sales", folder, "victim")
    r.user("import pandas as pd\nimport matplotlib.pyplot as plt\nsales = pd.read_csv('sales.csv')\nlimit = 20")
    r.namespace["table"] = [list(range(100)), list(range(100))]
    r.begin(("Mean", "a number"), ("Plot", "bars"))
    r.step("mean = sales['amount'].mean()\nprint(mean)")
    r.step("plt.figure(figsize=(3, 2))\nplt.bar([1, 2], [mean, limit])\nplt.show()")
    r.step("size = len(table)\nsize")
    r.end("The mean is what it is.")
    return export(r.source(), folder / "out" / "victim.ipynb", trace=True, params=["limit"], observe=True)


def tampered(notebook: Path, name: str) -> Path:
    """Tamper with an exported notebook in its place."""
    book = json.loads(notebook.read_text())
    KINDS[name].do(book, notebook.parent)
    notebook.write_text(json.dumps(book, indent=1))
    return notebook


def cell(book: dict, name: str) -> dict:
    """The cell of an id."""
    return next(c for c in book["cells"] if c["id"] == name)


def place(book: dict, name: str) -> int:
    """Its index."""
    return book["cells"].index(cell(book, name))


def about(book: dict) -> dict:
    """The record of the run."""
    return book["metadata"]["llmos_nb"]


@kind("cell r1-0 ")
def code_changed(book, folder):
    cell(book, "r1-0")["source"] = ["mean = 42\n", "print(mean)"]


@kind("cell r1-0 ")
def space_added(book, folder):
    cell(book, "r1-0")["source"][-1] += " "


@kind("cell answer ")
def answer_changed(book, folder):
    cell(book, "answer")["source"] = [line.replace("what it is", "42") for line in cell(book, "answer")["source"]]


@kind("cell r1-0-note ")
def note_changed(book, folder):
    cell(book, "r1-0-note")["source"].append("\n- approved by the boss")


@kind("cell r1-0 ")
def output_changed(book, folder):
    cell(book, "r1-0")["outputs"][0]["text"] = ["42.0\n"]


@kind("cell r2-0 ")
def picture_changed(book, folder):
    data = cell(book, "r2-0")["outputs"][0]["data"]
    data["image/png"] = data["image/png"][:-8] + "AAAAAAA="


@kind("cell r1-0 ")
def output_taken_out(book, folder):
    cell(book, "r1-0")["outputs"] = []


@kind("cell r3-0 ")
def output_added(book, folder):
    cell(book, "r3-0")["outputs"].append({"output_type": "stream", "name": "stdout", "text": ["and more\n"]})


@kind("cell r1-0")
def cell_taken_out(book, folder):
    del book["cells"][place(book, "r1-0")]


@kind("cell extra ")
def cell_added(book, folder):
    new = {
        "cell_type": "code",
        "id": "extra",
        "metadata": {},
        "source": ["x = 1"],
        "outputs": [],
        "execution_count": None,
    }
    book["cells"].insert(5, new)


@kind("cell r1-0 ")
def cell_doubled(book, folder):
    book["cells"].append(dict(cell(book, "r1-0")))


@kind("cell r2-0 ")
def order_changed(book, folder):
    a, b = place(book, "r1-0"), place(book, "r2-0")
    book["cells"][a], book["cells"][b] = book["cells"][b], book["cells"][a]


@kind("cell r3-0 ")
def type_changed(book, folder):
    old = cell(book, "r3-0")
    book["cells"][place(book, "r3-0")] = {k: old[k] for k in ("id", "metadata", "source")} | {"cell_type": "raw"}


@kind("cell parameters ")
def tag_taken_out(book, folder):
    cell(book, "parameters")["metadata"]["tags"] = []


@kind("cell r1-0 ")
def who_approved_changed(book, folder):
    cell(book, "r1-0")["metadata"]["llmos_nb"]["by"] = {"kind": "person", "name": "you"}


@kind("cell r1-0 ")
def cells_hash_changed(book, folder):
    cell(book, "r1-0")["metadata"]["llmos_nb"]["source"] = "0" * 64


@kind("metadata.llmos_nb")
def model_changed(book, folder):
    about(book)["processes"][0]["model"] = "another"


@kind("metadata")
def kernel_changed(book, folder):
    book["metadata"]["kernelspec"]["name"] = "evil"


@kind("input sales.csv")
def input_changed(book, folder):
    path = folder / "sales.csv"
    path.write_text(path.read_text().replace("0.5", "9.5", 1))


@kind("journal of process 1")
def journal_cut(book, folder):
    del about(book)["journals"][0]["events"][-1]
