"""Labels and secrets at the gate: what a call would read, what it has read, and what that does to later calls."""

from __future__ import annotations

import ast
import json
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from llmos_nb.errors import ConfigError, JournalUnwritable
from llmos_nb.heap import Walk, is_owned, names_reaching, reachable_names
from llmos_nb.journal.events import LabelChanged
from llmos_nb.messages import ToolResult
from llmos_nb.policy import DATA, FILE, TRUSTED, UNKNOWN_FILE, UNTRUSTED, Came, is_prose, labels, lookalikes
from llmos_nb.policy.code import tree_of
from llmos_nb.policy.secrets import vault
from llmos_nb.process.findings import Findings
from llmos_nb.process.run import EffectGate, Run
from llmos_nb.process.values import FORETOLD
from llmos_nb.tools import Call, Tool
from llmos_nb.tools.devices.namespace import card


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


def exposed(run: Run, call: str = "") -> bool:
    """Return whether a process has had to do with what others wrote, whether or not its model was shown it.

    Of an agent outside nobody knows what it has read. A call that runs may be the first that reads such.
    """
    if (gate := run.gates.get(call)) is not None:
        return gate.exposed
    return run.state.handled or run.state.outside or labels.context(run.state.labels).untrusted


ANSWERED = 16  # characters of an answer by which it is known again
_CHANGES = ("created", "rebound", "mutated")


def risks(run: Run, tool: Tool, arguments: Mapping[str, Any], seen: Findings) -> Findings:
    """Add to what a call would do the risks that lie in where the process's words come from, and in how they look."""
    if "\\" in ascii(arguments):  # it may be not all ASCII
        seen = seen.add(("look-alike", sentence) for sentence in lookalikes(arguments))
    found: list[tuple[str, str]] = []
    now = labels.context(run.state.labels)
    if now.untrusted and tool.confined:
        return seen if seen.level == "risky" else replace(seen, level="read")  # it runs in a child, on copies
    led = now.untrusted or run.state.outside
    if led and seen.level != "read" and not (tool.gated and seen.level == "namespace"):
        found.append(("untrusted data", _led(run, now)))
    if tool.effect != "namespace" and (names := vault.used(arguments)):
        found.append(("secret", f"`{tool.name}` is handed the secret {', '.join(names)}"))
    if not found:
        return seen
    return seen.add(found, level="risky", why=seen.why or f"It asks because {found[0][1]}.")


def _led(run: Run, now: labels.Label) -> str:
    """Say why a process may be led by others."""
    if not now.untrusted:
        return f"what {run.state.model}, has read by itself is not known here, and it may follow orders in that"
    since = run.state.untrusted_since or "before it began"
    return f"the process has read untrusted data ({since}) and may follow orders in it"


def reading(run: Run, tool: Tool, arguments: Mapping[str, Any], seen: Findings) -> Came:
    """Say what a call will read, before it runs; of one that is watched, `took` says what it took from outside."""
    known, why = run.state.labels, []
    label = UNTRUSTED if tool.source == "untrusted" else TRUSTED
    if label != TRUSTED:
        why.append(f"`{tool.name}` gives data from outside")
    outside = Came() if tool.gated else _outside(run, seen.sources)
    label, why = label.join(outside.label), [*why, *([outside.why] if outside.why else [])]
    if known and labels.marked(known):
        names = sorted(_names(run, tool, arguments, seen))
        if names and labels.of(names, known) != TRUSTED:
            label = label.join(labels.of(names, known))
            why.append(f"it read {', '.join(f'`{n}`' for n in names[:3])}")
    return Came(label, "; ".join(why))


def in_hand(run: Run, tool: Tool, arguments: Mapping[str, Any], seen: Findings) -> bool:
    """Return whether a call that begins can reach a variable with what others wrote; a module holds no such."""
    names, namespace = _names(run, tool, arguments, seen), run.namespace or {}
    there = [n for n in names if n in namespace and not isinstance(namespace[n], ModuleType)]
    return labels.of(there, run.state.labels).untrusted


def meets(run: Run, call: str, gate: Callable[[], EffectGate], path: str) -> None:
    """Take in that a call is about to read a file; with no path, something else that others wrote."""
    if not exposed(run, call) and (came := _outside(run, [("foreign file", "open", path)])).label.untrusted:
        gate().came(came, "")


def moves(run: Run, call: str, folder: str) -> None:
    """Keep whose a folder is in which a call goes to work: what lies in the working folder is the user's otherwise."""
    if _outside(run, [("foreign file", "os.chdir", folder)]).label.untrusted:
        name, why = FILE + os.path.join(folder, ""), f"{call}: it is no folder of yours that it goes to work in"  # noqa: PTH118
        run.append(LabelChanged(name=name, label=str(UNTRUSTED), why=why))


def _outside(run: Run, sources: Iterable[tuple[str, str, str]]) -> Came:
    """Join the labels of files and addresses that are read."""
    label, why = TRUSTED, []
    for kind, what, target in sources:
        said = run.state.words or run.state.goal
        one = UNTRUSTED if kind == "network" else labels.file_label(target, said, run.state.labels, Path.cwd())
        if kind != "network" and _of_home(run, target):  # a journal, and what stands beside it, hold what was read
            one = one.join(UNTRUSTED)
        if one != TRUSTED:
            label = label.join(one)
            why.append(f"`{what}` reads {target or 'a file that is only known when it runs'}")
    return Came(label, "; ".join(why))


def _of_home(run: Run, target: str) -> bool:
    kept = _kept(run.journal.path)
    return kept is not None and labels.place(target, Path.cwd()).is_relative_to(kept.parent.resolve())


def took(run: Run, tool: Tool, seen: Findings, result: ToolResult) -> Came:
    """Say what a call has taken from files; from where it connected to, the gate of its effects says it.

    Where nothing of a kind was seen, and the code calls a reader of a library, that may have read by itself.
    """
    if not tool.gated:
        return Came()
    outside = result.facts.get("outside", {})
    opened = [
        *(f["path"] for f in outside.get("files", ())),
        *outside.get("databases", ()),
        *outside.get("beyond", ()),
    ]
    files = [("foreign file", "open", str(path)) for path in opened]
    effects = (str(e).partition(" ") for e in result.facts.get("effects", ()))
    reached = [to for kind, _, to in effects if kind == "network"]
    network = [("network", tool.name, "an address that was not seen")] if reached == [FORETOLD] else []
    native = [s for s in seen.sources if "." not in s[1] and not (reached if s[0] == "network" else files)]
    return _outside(run, [*files, *network, *native])


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
    text = "" if seen.exact else "\n".join(str(v) for v in arguments.values())
    said = labels.spelled(text, known)
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
    return value is None or isinstance(value, bool | int | float) or (isinstance(value, str | bytes) and len(value) < 2)


def _behind(value: object) -> object:
    """Return what a weak reference or a context variable stands for."""
    if isinstance(value, weakref.ReferenceType):
        return value()
    with suppress(LookupError):
        return value.get() if isinstance(value, ContextVar) else value
    return None


def _of_function(tool: Tool, namespace: dict[str, Any]) -> set[str]:
    return set() if tool.runner is not None else Walk(namespace, keep=False).run([tool.fn]).names


def joined(*several: Came) -> Came:
    """Join what came from several sources."""
    whys = dict.fromkeys(why for c in several for why in c.why.split("; ") if why)
    return Came(TRUSTED.join(*(c.label for c in several)), "; ".join(whys))


def brought(came: Came, result: ToolResult) -> Came:
    """Join the label that a result itself brings, as that of recalled words; it can only raise."""
    if not (text := str(result.facts.get("label", ""))):
        return came
    whys = [w for w in (came.why, str(result.facts.get("why", ""))) if w]
    return Came(came.label.join(labels.parse(text)), "; ".join(whys))


def withheld(run: Run, call: Call, tool: Tool, came: Came, result: ToolResult) -> ToolResult:
    """Note of what a call gave from private data what the model is told instead; a person sees it whole."""
    reaches = tool.effect == "namespace" or tool.elsewhere or tool.runner is None
    if not came.label.private or call.name == "names" or not (reaches or call.name == "describe"):
        return result
    names = run.namespace or {}
    changes = result.changes or {}
    made = [n for kind in _CHANGES for n in changes.get(kind, ())]
    given = call.arguments if isinstance(call.arguments, dict) else {}
    named = [str(given.get("name", ""))] if call.name == "describe" else []
    line = f" in line {result.facts['line']}" if "line" in result.facts else ""
    said = "not shown" if result.ok else f"{result.error}{line}; what it said is not shown"
    hint = "assign what you need to names; in the answer {{…}} shows it to the user"
    told = [f"[{said}: {came.why}, and that is private; {hint}]", card([*named, *made], names)]
    return replace(result, facts={**result.facts, "private": "\n".join(filter(None, told))})


def catch_up(run: Run) -> None:
    """Record what other processes of the namespace have learnt of its names and files meanwhile."""
    known = run.state.labels
    for name, text in dict(run.sight.sharing.labels if run.sight is not None else {}).items():
        label = labels.of((name,), known).join(labels.parse(text))
        if label != labels.of((name,), known):
            run.append(LabelChanged(name=name, label=str(label), why="by a process beside this one"))
    if run.sight is not None and (told := [a for a in run.sight.sharing.answers if len(a) >= ANSWERED]):
        texts = ((n, v) for n, v in list((run.namespace or {}).items()) if type(v) is str and len(v) >= ANSWERED)
        for name in [n for n, v in texts if n[:1] != "_" and any(t in v for t in told)]:
            if not labels.of((name,), known).untrusted:
                label = labels.of((name,), known).join(UNTRUSTED)
                run.append(LabelChanged(name=name, label=str(label), why="it holds the answer of a process"))


def settle_labels(run: Run, call: Call, came: Came, result: ToolResult, seen: Findings) -> None:
    """Record which labels rise with a result, before the result itself."""
    if came.label == TRUSTED and labels.context(run.state.labels) == TRUSTED:
        return  # nothing rises by that
    written = files_written(run, seen, result)
    changes = result.changes or {}
    changed = [n for kind in _CHANGES for n in changes.get(kind, ())]
    why, handle = f"{call.id}: {came.why}" if came.why else "", str(result.facts.get("handle", ""))
    kept = _only_imported(call.code, seen)
    changed = [n for n in changed if n not in kept] + ([handle] if handle else [])
    risen = labels.floated(run.state.labels, Came(came.label, why), [*changed, *written], unseen=bool(handle))
    for name, label, reason in risen:
        run.append(LabelChanged(name=name, label=label, why=reason))
        keep(run.journal.path, name, label)


def _only_imported(code: str, seen: Findings) -> set[str]:
    """Return the names of what code imports of libraries and only reads or calls: no data is held there."""
    if not seen.imports or seen.everything or labels.reaches_all(code):
        return set()
    nodes = [*ast.walk(tree_of(code))]
    plain = {id(n.value) for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)}
    plain |= {id(n.func) for n in nodes if isinstance(n, ast.Call)}
    stored = [n for n in nodes if isinstance(n, ast.Attribute | ast.Subscript) and not isinstance(n.ctx, ast.Load)]
    inside = {inner.id for n in stored for inner in ast.walk(n) if isinstance(inner, ast.Name)}
    used = {n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in plain} | inside
    library = {n for n, origin in seen.imports if not is_owned(origin.partition(".")[0])}
    return library - used


def files_written(run: Run, seen: Findings, result: ToolResult) -> list[str]:
    """Name the files that a step wrote, by its code and in fact; ``?`` where the code does not spell one."""
    found = [FILE + (str(labels.place(target, Path.cwd())) if target else "?") for target in seen.files]
    databases = (str(e).partition(" ")[2] for e in result.facts.get("effects", ()) if str(e).startswith("database "))
    written = (*result.facts.get("outside", {}).get("written", ()), *databases)
    found += [FILE + path for path in written if not _of_home(run, path)]
    return list(dict.fromkeys(found))


def hide(run: Run, names: Iterable[str]) -> None:
    """Keep the texts of private variables out of the prompts, wherever else they stand but in the goal."""
    private = [n for n in names if labels.of((n,), run.state.labels).private and n in (run.namespace or {})]
    if private and run.namespace is not None:
        run.hidden.look({n: run.namespace[n] for n in private}, private, run.state.goal)


def learn(run: Run, arguments: Mapping[str, Any], result: ToolResult) -> None:
    """Take in the secrets that a call has given, and that a step brought into the namespace or the environment."""
    vault.read(result.text, str(arguments))
    if run.namespace is None or not result.changes:
        return
    changed = [n for kind in _CHANGES for n in result.changes.get(kind, ())]
    vault.look({n: run.namespace[n] for n in changed if n in run.namespace})
    hide(run, changed)
    if "env" in str(arguments.get("code", "")):
        vault.learn()
