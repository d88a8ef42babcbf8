"""Where a result came from, as a Workflow Run RO-Crate (`ro-crate-metadata.json`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmos_nb.export.inputs import digest_file
from llmos_nb.export.source import ExportSource
from llmos_nb.journal import Event
from llmos_nb.process.state import CONTROL
from llmos_nb.tools import Call

NOTEBOOK, JOURNAL = "notebook.ipynb", "journal.jsonl"
_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
_LANGUAGE = "https://w3id.org/workflowhub/workflow-ro-crate#jupyter"


def rocrate(run: ExportSource, notebook: Path | None = None) -> dict[str, Any]:
    """Return the crate's metadata: the run as an action, its steps, who decided, inputs and results.

    Parameters
    ----------
    run : ExportSource
        The process.
    notebook : Path, optional
        The exported notebook, for its name and hash; its declared inputs become the action's objects.

    Returns
    -------
    dict
        JSON-LD.
    """
    name = notebook.name if notebook is not None else NOTEBOOK
    inputs = _inputs(notebook)
    steps = [_step(run, c) for c in run.state.surviving if c.name not in CONTROL]
    main = _main(run, name, inputs, steps)
    parts = [{"@id": name}, {"@id": JOURNAL}, *({"@id": i["@id"]} for i in inputs)]
    graph = [
        _descriptor(),
        _root(run, name, parts),
        *_profiles(),
        _workflow(name, notebook),
        _language(),
        _agent(run),
    ]
    graph += [_person(), main, *steps, _journal(run), *inputs]
    if run.state.answer:
        graph.append({"@id": "#answer", "@type": "PropertyValue", "name": "answer", "value": run.state.answer})
    return {
        "@context": [f"{_CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"],
        "@graph": graph,
    }


def _descriptor() -> dict[str, Any]:
    about = {"@id": "./"}
    return {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": about,
        "conformsTo": {"@id": _CRATE},
    }


def _root(run: ExportSource, name: str, parts: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": run.name or run.goal[:80],
        "description": run.goal,
        "datePublished": _at(run.events, -1),
        "license": {"@id": "#license"},
        "conformsTo": [{"@id": p} for p in _PROFILES],
        "hasPart": parts,
        "mainEntity": {"@id": name},
        "mentions": [{"@id": "#run"}],
    }


def _profiles() -> list[dict[str, Any]]:
    about: dict[str, Any] = {
        "@id": "#license",
        "@type": "CreativeWork",
        "name": "as the owner of the data decides",
    }
    return [
        about,
        *(
            {"@id": p, "@type": "CreativeWork", "name": p.rsplit("/", 2)[1], "version": p.rsplit("/", 1)[1]}
            for p in _PROFILES
        ),
    ]


def _workflow(name: str, notebook: Path | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "@id": name,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": name,
        "encodingFormat": "application/x-ipynb+json",
        "programmingLanguage": {"@id": _LANGUAGE},
    }
    return {**made, "sha256": digest_file(notebook)} if notebook is not None else made


def _language() -> dict[str, Any]:
    return {
        "@id": _LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "Jupyter Notebook",
        "url": {"@id": "https://jupyter.org"},
    }


def _agent(run: ExportSource) -> dict[str, Any]:
    return {
        "@id": "#model",
        "@type": "SoftwareApplication",
        "name": run.model or "a model",
        "softwareVersion": run.model,
    }


def _person() -> dict[str, Any]:
    return {"@id": "#user", "@type": "Person", "name": "the user of the notebook"}


def _main(
    run: ExportSource, name: str, inputs: list[dict[str, Any]], steps: list[dict[str, Any]]
) -> dict[str, Any]:
    done = run.state.reason in ("", "answered")
    made = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": run.goal,
        "instrument": {"@id": name},
        "agent": {"@id": "#model"},
        "participant": {"@id": "#user"},
        "startTime": _at(run.events, 0),
        "endTime": _at(run.events, -1),
        "actionStatus": f"http://schema.org/{'Completed' if done else 'Failed'}ActionStatus",
        "object": [{"@id": i["@id"]} for i in inputs],
        "result": [{"@id": "#answer"}] if run.state.answer else [],
        "hasPart": [{"@id": s["@id"]} for s in steps],
    }
    return made if done else {**made, "error": run.state.detail or run.state.reason}


def _step(run: ExportSource, call: Call) -> dict[str, Any]:
    planned = {s.n: s.title for s in run.state.plan.steps}
    return {
        "@id": f"#call-{call.id}",
        "@type": "CreateAction",
        "name": planned.get(call.step) or f"{call.name} ({call.id})",
        "description": f"decided by {call.by or 'nobody'}",
        "agent": {"@id": "#user" if call.by == "you" else "#model"},
        "startTime": call.started,
        "endTime": call.ended,
        "actionStatus": "http://schema.org/CompletedActionStatus",
        "position": call.step,
    }


def _journal(run: ExportSource) -> dict[str, Any]:
    made = {
        "@id": JOURNAL,
        "@type": "File",
        "name": "journal of the process",
        "encodingFormat": "application/jsonl",
    }
    return {**made, "identifier": run.events[-1].hash} if run.events else made


def _inputs(notebook: Path | None) -> list[dict[str, Any]]:
    from llmos_nb.export.cells import read  # only where there is a notebook

    declared: list[Mapping[str, Any]] = (
        read(notebook)["metadata"]["llmos_nb"]["inputs"] if notebook is not None else []
    )
    return [
        {
            "@id": i["path"],
            "@type": "File",
            "name": i.get("name", i["path"]),
            "sha256": i["sha256"],
            "contentSize": str(i["bytes"]),
        }
        for i in declared
    ]


def _at(events: object, index: int) -> str:
    known = list(events) if isinstance(events, list | tuple) else []
    return known[index].at if known and isinstance(known[index], Event) else ""
