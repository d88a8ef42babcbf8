"""An exported notebook as an RO-Crate 1.1 of the profile Process Run Crate: a folder or zip that archives take.

It holds the notebook, its input files and its lock; the run and each of its steps as actions with what did them, when,
and who approved them; and the head of each journal, which proves a journal but tells nothing of it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.export import provenance
from llmos_nb.export.cells import read
from llmos_nb.export.inputs import digest_file
from llmos_nb.export.source import ExportSource
from llmos_nb.journal.events import YOU, Decider
from llmos_nb.tools import Call

_CRATE, _PROFILE = "https://w3id.org/ro/crate/1.1", "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}  # of the profile; RO-Crate 1.1 has no such word
_ABOUT = "ro-crate-metadata.json"
_US, _USER = {"@id": "https://github.com/llmos-nb/llmos_nb"}, {"@id": "#person-the-user"}
_STATUS = {"answered": "CompletedActionStatus"}
_FIRST = (1980, 1, 1, 0, 0, 0)  # the same run makes the same zip
Entity = dict[str, Any]


def crate(notebook: Path, runs: Sequence[ExportSource], target: Path) -> Path:
    """Write an exported notebook with what belongs to it as a crate: into a new or empty folder, or a ``.zip``."""
    check_target(notebook, target)
    if target.suffix == ".zip":
        with tempfile.TemporaryDirectory(prefix="llmos-crate-") as folder:
            _write(notebook, runs, Path(folder))
            _zip(Path(folder), target)
        return target
    target.mkdir(parents=True, exist_ok=True)
    _write(notebook, runs, target)
    return target


def check_target(notebook: Path, target: Path) -> None:
    """Look whether a crate can be written, before anything else is, else raise `UsageError`."""
    if notebook.suffix != ".ipynb":
        raise UsageError(f"--crate {target}: only a notebook can be a crate, not {notebook.name}")
    if target.suffix != ".zip" and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"--crate {target}: something stands there already; name a new folder")


def _write(notebook: Path, runs: Sequence[ExportSource], folder: Path) -> None:
    about = read(notebook)["metadata"]["llmos_nb"]
    book, files = _place(notebook, about, folder)
    lock = _lock(about, folder)
    graph = [*_root(runs, [book, *files, *lock]), book, *files, *lock, *_software(runs), *_heads(about)]
    for run in runs:
        graph += [_run(run, book, files), *(e for call in _calls(run) for e in _step(run, call, book))]
    made = {"@context": [f"{_CRATE}/context", _TERMS], "@graph": list({e["@id"]: e for e in graph}.values())}
    text = json.dumps(made, indent=1, ensure_ascii=False)
    (folder / _ABOUT).write_text(f"{text}\n", encoding="utf-8")


def _zip(folder: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _FIRST)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())


def _place(notebook: Path, about: dict[str, Any], folder: Path) -> tuple[Entity, list[Entity]]:
    """Copy notebook and inputs so that the notebook finds them: it stands as deep as they go up."""
    inputs = [i for i in about.get("inputs", []) if not Path(i["path"]).is_absolute()]
    ups = max((PurePosixPath(i["path"]).parts.count("..") for i in inputs), default=0)
    home = PurePosixPath(*["notebook"] * ups)
    found = []
    for one in inputs:
        where = _joined(home, one["path"])
        if (notebook.parent / one["path"]).is_file():
            _copy(notebook.parent / one["path"], folder / where)
            found.append(_file(where, folder, f"Input file {one['path']}"))
    where = _joined(home, notebook.name)
    _copy(notebook, folder / where)
    book = _file(where, folder, "The run as a notebook that runs again with no model")
    return {**book, "encodingFormat": "application/x-ipynb+json"}, found


def _joined(home: PurePosixPath, path: str) -> str:
    parts: list[str] = []
    for part in (home / path).parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _file(where: str, folder: Path, name: str) -> Entity:
    path = folder / where
    about = {"contentSize": str(path.stat().st_size), "sha256": digest_file(path)}
    return {"@id": where, "@type": "File", "name": name, **about, "encodingFormat": _format(path)}


def _format(path: Path) -> str:
    import mimetypes  # reads the system's tables

    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _lock(about: dict[str, Any], folder: Path) -> list[Entity]:
    """Write the lock as a file of its own, as installers read it."""
    if "pylock" not in about:
        return []
    (folder / "pylock.toml").write_text(about["pylock"], encoding="utf-8")
    made = _file("pylock.toml", folder, "Versions, files and hashes of the packages that it was run with (PEP 751)")
    return [{**made, "encodingFormat": "application/toml"}]


def _root(runs: Sequence[ExportSource], files: Sequence[Entity]) -> Iterator[Entity]:
    yield {"@id": _ABOUT, "@type": "CreativeWork", "about": {"@id": "./"}, "conformsTo": {"@id": _CRATE}}
    published = max((run.events[-1].at for run in runs if run.events), default="")
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": runs[0].name or runs[0].goal[:120],
        "description": "\n".join(f"Goal: {run.goal}" for run in runs),
        "datePublished": published[:10],
        "license": {"@id": "#license"},
        "conformsTo": {"@id": _PROFILE},
        "author": _USER,
        "hasPart": _links([f["@id"] for f in files]),
        "mentions": _links([i for run in runs for i in (_id(run), *(_id(run, c) for c in _calls(run)))]),
    }
    yield {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    what = "Nobody has said under which terms this may be used; put a license here before it is published."
    yield {"@id": "#license", "@type": "CreativeWork", "name": "No license stated", "description": what}


def _links(names: Sequence[str]) -> Any:
    """Return links as the standard wants them: one alone is no list."""
    return [{"@id": n} for n in names] if len(names) != 1 else {"@id": names[0]}


def _calls(run: ExportSource) -> list[Call]:
    """Return the calls that stand, in the order in which they ran, as the notebook has them."""
    from llmos_nb.export.steps import step_units  # what is exported of a run is decided there

    return [u.call for u in step_units(run) if u.call is not None]


def _id(run: ExportSource, call: Call | None = None) -> str:
    return f"#process-{run.pid}" + (f"-{call.id}" if call is not None else "")


def _software(runs: Sequence[ExportSource]) -> Iterator[Entity]:
    own = {"@id": _US["@id"], "@type": "SoftwareApplication", "name": "llmos_nb", "url": _US["@id"]}
    yield {**own, "version": version("llmos_nb")}
    yield {**_USER, "@type": "Person", "name": "the user"}
    for run in runs:
        name = run.model or "a model"
        yield {"@id": _model(run), "@type": "SoftwareApplication", "name": name, "description": "a language model"}


def _model(run: ExportSource) -> str:
    return f"#model-{_word(run.model or 'unknown')}"


def _word(text: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text) or "-"


def _heads(about: dict[str, Any]) -> Iterator[Entity]:
    for one in about.get("processes", []):
        what = f"SHA-256 of the last event of the journal of process {one['pid']}, its {one['journal']['events']}th"
        head = {"@id": _head(one["pid"]), "@type": "PropertyValue", "name": "head of the journal"}
        yield {**head, "description": what, "value": one["journal"]["hash"]}


def _head(pid: int) -> str:
    return f"#journal-{pid}"


def _run(run: ExportSource, book: Entity, files: Sequence[Entity]) -> Entity:
    s, times = run.state, [e.at for e in run.events] or [""]
    return {
        "@id": _id(run),
        "@type": "CreateAction",
        "name": f"Process {run.pid}: {run.name or run.goal[:120]}",
        "description": f"Goal: {run.goal}\nAnswer: {s.answer or 'none'}",
        "instrument": {"@id": _model(run)},
        "agent": _USER,
        **({"object": _links([f["@id"] for f in files])} if files else {}),
        "result": {"@id": book["@id"]},
        "startTime": times[0],
        "endTime": times[-1],
        "actionStatus": f"http://schema.org/{_STATUS.get(s.reason or '', 'FailedActionStatus')}",
        "identifier": {"@id": _head(run.pid)},
    }


def _step(run: ExportSource, call: Call, book: Entity) -> Iterator[Entity]:
    """Return a step as an action, and the decision that let it run as another one."""
    edited = " It was edited before it ran." if call.proposed else ""
    yield {
        "@id": _id(run, call),
        "@type": "CreateAction",
        "name": f"Call {call.id}: {call.name}, proposed by {run.model or 'a model'}",
        "description": f"{_asked(call)}{edited}",
        "instrument": _US,
        "agent": _USER,
        "participant": {"@id": _model(run)},
        "result": {"@id": book["@id"]},
        "startTime": call.started or call.ended,
        "endTime": call.ended or call.started,
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }
    grant = provenance.grant(call, run)
    through = _approver(grant.who)
    if "name" in through:
        yield through
    yield {
        "@id": f"{_id(run, call)}-approval",
        "@type": "AuthorizeAction",
        "name": f"Call {call.id} {_let(grant)}",
        **({"description": grant.why} if grant.why else {}),
        "agent": {"@id": through["@id"]},
        "object": {"@id": _id(run, call)},
        "endTime": grant.at,
    }


def _asked(call: Call) -> str:
    given = call.arguments if isinstance(call.arguments, dict) else {}
    return str(given.get("code") or json.dumps(given, ensure_ascii=False, default=str))


def _let(grant: provenance.Grant) -> str:
    through, program = grant.who.describe("the user"), not grant.who.looked
    if grant.by.kind == "plan":
        return "stood in the plan that " + (f"{through} let through" if program else "was approved")
    if grant.by.kind == "commitment":
        return f"was covered by {through}"
    if not grant.by:
        return "needed no decision"
    return f"was let through by {through}" if program else f"was approved by {through}"


def _approver(who: Decider) -> Entity:
    """Return who let a call through: a person, or this program, where a mode, a rule or nobody decided."""
    if not who.is_person:
        return _US
    return _USER if who == YOU else {"@id": f"#person-{_word(who.name)}", "@type": "Person", "name": who.name}
