"""Labels and secrets at the gate: what a call would read, what it has read, and what that does to later calls."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmos_nb.errors import ConfigError, JournalUnwritable
from llmos_nb.heap import Walk, names_reaching, reachable_names
from llmos_nb.journal.events import LabelChanged
from llmos_nb.messages import ToolResult
from llmos_nb.policy import FILE, TRUSTED, UNKNOWN_FILE, UNTRUSTED, Came, labels
from llmos_nb.policy.authority import DATA, is_prose
from llmos_nb.policy.secrets import vault
from llmos_nb.process.findings import Findings
from llmos_nb.process.gate.authority import unspoken
from llmos_nb.process.run import Run
from llmos_nb.tools import Call, Tool


def _kept(journal: Path) -> Path | None:
    """Return the file of the home in which a journal lies, if it lies in one."""
    runs = journal.parent.parent
    return runs.parent / "files.jsonl" if runs.name == "runs" else None


def known(journal: Path) -> dict[str, str]:
    """Return label by ``file:PATH``, of all files that processes of the home wrote; a torn line says nothing."""
    path = _kept(journal)
    if path is None or not path.exists():
        return {}
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            name, label = json.loads(line)
            found = labels.inherited((found, {str(name): str(labels.parse(str(label)))}))
        except (ValueError, TypeError, ConfigError):
            continue
    return found


def keep(journal: Path, name: str, label: str) -> None:
    """Keep the label of a file that a process wrote; of one that nobody can name, nothing can be kept.

    Raises
    ------
    JournalUnwritable
        The home cannot be written.
    """
    path = _kept(journal)
    if path is None or not name.startswith(FILE) or name == UNKNOWN_FILE:
        return
    before = labels.of((name,), known(journal))
    if before.join(labels.parse(label)) == before:
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, label]) + "\n")
    except OSError as error:
        raise JournalUnwritable(f"cannot write {path}: {error.strerror or error}") from error


def declared(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return declared labels, with the one path of each file."""
    files = {n: FILE + str(labels.place(n.removeprefix(FILE), folder)) for n in given if n.startswith(FILE)}
    return {files.get(n, n): str(labels.parse(text)) for n, text in given.items()}


_CHANGES = ("created", "rebound", "mutated")
_OUTSIDE = ("foreign file", "network")


def risks(run: Run, tool: Tool, arguments: Mapping[str, Any], seen: Findings) -> Findings:
    """Add to what a call would do the risks that lie in where the process's words come from."""
    found: list[tuple[str, str]] = []
    now = labels.context(run.state.labels)
    if now.untrusted and tool.confined:
        return seen if seen.level == "risky" else replace(seen, level="read")  # it runs in a child, on copies
    if now.untrusted and seen.level != "read":
        found.append(
            (
                "untrusted data",
                f"the process has read untrusted data ({_since(run)}) and may follow orders in it",
            )
        )
        found += [
            ("untrusted data", f"`{n}` = {v!r:.80} does not stand in your words")
            for n, v in unspoken(run, tool.sinks, arguments)
            if tool.power is None
        ]
    if tool.effect != "namespace" and (names := vault.used(arguments)):
        found.append(("secret", f"`{tool.name}` is handed the secret {', '.join(names)}"))
    if not found:
        return seen
    return seen.add(found, level="risky", why=seen.why or f"It asks because {found[0][1]}.")


def _since(run: Run) -> str:
    """Say what made the context untrusted."""
    return run.state.untrusted_since or "before it began"


def reading(run: Run, tool: Tool, arguments: Mapping[str, Any], seen: Findings) -> Came:
    """Say what a call will read, before it runs."""
    known, why = run.state.labels, []
    label = UNTRUSTED if tool.source == "untrusted" else TRUSTED
    if label != TRUSTED:
        why.append(f"`{tool.name}` gives data from outside")
    for kind, what, target in seen.sources:
        outside = labels.file_label(target, run.state.words or run.state.goal, known, Path.cwd())
        if kind == "network" or outside != TRUSTED:
            label = label.join(UNTRUSTED if kind == "network" else outside)
            why.append(f"`{what}` reads {target or 'a file that is only known when it runs'}")
    if known and labels.marked(known):
        names = sorted(_names(run, tool, arguments, seen))
        if names and labels.of(names, known) != TRUSTED:
            label = label.join(labels.of(names, known))
            why.append(f"it read {', '.join(f'`{n}`' for n in names[:3])}")
    return Came(label, "; ".join(why))


def gave(tool: Tool, came: Came, result: ToolResult) -> Came:
    """Join what a call gave: a trusted source is believed for data, and not for prose that others may write."""
    if tool.source != "trusted" or not (result.ok and (tool.runner is None or tool.declared)):
        return came
    value = result.text if tool.runner is not None and result.value is None else result.value
    if not _prose(value):
        return came
    why = f"`{tool.name}` gives a text of more than {DATA} characters, which others may have written"
    return Came(came.label.join(UNTRUSTED), "; ".join(w for w in (came.why, why) if w))


def _prose(value: object) -> bool:
    try:
        return is_prose(value)
    except Exception:  # a class of the user's own that cannot be looked through
        return True


def _names(run: Run, tool: Tool, arguments: Mapping[str, Any], seen: Findings) -> set[str]:
    """Return the labelled names that a call can reach: by its words, through functions, and inside other objects."""
    known, namespace = run.state.labels, run.namespace or {}
    marked = set(labels.marked(known))
    if tool.name == "names":
        return labels.matching(str(arguments.get("pattern", "")), known)
    said = labels.spelled("\n".join(str(v) for v in arguments.values()), known)
    if seen.everything:
        return marked
    reads = set(seen.reads) | {str(arguments.get("name", ""))}
    if not marked & namespace.keys():  # none is a variable now, so nothing can be reached through others
        return (said | reads) & marked
    through = reachable_names(reads, namespace) | _of_function(tool, namespace)
    targets = {id(namespace[n]) for n in marked if n in namespace and not _common(namespace[n])}
    values = {n: _behind(namespace[n]) for n in through if n in namespace}
    holding = names_reaching(targets, values, namespace, leaves=True)
    within = {n for n in marked if n in namespace and id(namespace[n]) in set(holding.values())}
    return (said | reads | through | within) & marked


def _common(value: object) -> bool:
    """Return whether a value is one that Python shares between all that are equal to it, such as None or 7."""
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str | bytes) and len(value) < 2)
    )


def _behind(value: object) -> object:
    """Return what a weak reference or a context variable stands for."""
    if isinstance(value, weakref.ReferenceType):
        return value()
    with suppress(LookupError):
        return value.get() if isinstance(value, ContextVar) else value
    return None


def _of_function(tool: Tool, namespace: dict[str, Any]) -> set[str]:
    return set() if tool.runner is not None else Walk(namespace, keep=False).run([tool.fn]).names


def brought(came: Came, result: ToolResult) -> Came:
    """Join the label that a result itself brings, as that of recalled words; it can only raise."""
    if not (text := str(result.facts.get("label", ""))):
        return came
    whys = [w for w in (came.why, str(result.facts.get("why", ""))) if w]
    return Came(came.label.join(labels.parse(text)), "; ".join(whys))


def catch_up(run: Run) -> None:
    """Record what other processes of the namespace have learnt of its names and files meanwhile."""
    known = run.state.labels
    for name, text in dict(run.sight.sharing.labels if run.sight is not None else {}).items():
        label = labels.of((name,), known).join(labels.parse(text))
        if label != labels.of((name,), known):
            run.append(LabelChanged(name=name, label=str(label), why="by a process beside this one"))


def settle_labels(run: Run, call: Call, came: Came, result: ToolResult, written: Iterable[str]) -> None:
    """Record which labels rise with a result, before the result itself."""
    changes = result.changes or {}
    changed = [n for kind in _CHANGES for n in changes.get(kind, ())]
    why, handle = f"{call.id}: {came.why}" if came.why else "", str(result.facts.get("handle", ""))
    changed += [handle] if handle else []
    risen = labels.floated(run.state.labels, Came(came.label, why), [*changed, *written], unseen=bool(handle))
    for name, label, reason in risen:
        run.append(LabelChanged(name=name, label=label, why=reason))
        keep(run.journal.path, name, label)


def files_written(seen: Findings) -> list[str]:
    """Name the files that a step writes; ``?`` where the code does not spell one."""
    return [FILE + (str(labels.place(target, Path.cwd())) if target else "?") for target in seen.files]


def learn(run: Run, arguments: Mapping[str, Any], result: ToolResult) -> None:
    """Take in the secrets that a step brought into the namespace or the environment."""
    if run.namespace is None or not result.changes:
        return
    changed = [n for kind in _CHANGES for n in result.changes.get(kind, ())]
    vault.look({n: run.namespace[n] for n in changed if n in run.namespace})
    if "env" in str(arguments.get("code", "")):
        vault.learn()
