"""The package manager: skills are added once they are whole, ask for what they do, and pass their own test.

They stand in ``<home>/skills/NAME/`` as plain files. A skill from elsewhere is other people's text: its description
is data, and its code passes the gate step by step when it runs.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from llmos_nb.errors import LlmosError, NotTrusted, UsageError, nearest
from llmos_nb.export.verify import execute, hash_of
from llmos_nb.journal import HOW, Home, mac
from llmos_nb.messages import ToolResult, canonical, now, parsed
from llmos_nb.session.exporting import beside
from llmos_nb.session.parts import Order, Part
from llmos_nb.session.process import Process, Sessions
from llmos_nb.session.protocols import ProcessLike, SessionLike
from llmos_nb.session.skills import manifest as skill_book
from llmos_nb.session.skills.manifest import FILE, INSTALLED, RUNS, Skill
from llmos_nb.tools import CallContext, Tool
from llmos_nb.tools.devices import SKILL
from llmos_nb.tools.devices.child import Child, Setup, spawned

T = TypeVar("T")
Values = Mapping[str, Any]  # of parameters
TEST_S = 120.0
START_S = 30.0  # of the child, before its first cell
OUTSIDE, OWN = "outside", "yours"


@dataclass(frozen=True)
class Row:
    """One line of the list: a skill, where it is from, and what is wrong with it (nothing where all is well)."""

    name: str
    skill: Skill | None
    origin: str
    wrong: str


class Skills:
    """The skills of a home.

    Parameters
    ----------
    root : Path
        Folder ``skills`` of the home.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """Name what is installed."""
        return sorted(p.parent.name for p in self.root.glob(f"*/{INSTALLED}"))

    def add(self, path: Path, accepted: bool = False, timeout_s: float = TEST_S) -> Skill:
        """Add a skill: read it, hold it to its hash and rights, run its test apart, and copy it here.

        Parameters
        ----------
        path : Path
            Its notebook, or the folder with it and the files it reads.
        accepted : bool
            The user accepts the rights that it asks for.
        timeout_s : float
            Seconds that a cell of its test may take.

        Raises
        ------
        UsageError
            What is wrong with it; nothing was added.
        """
        skill = skill_book.read(path)
        if (self.root / skill.name / INSTALLED).exists():
            raise UsageError(f"skill {skill.name} is there already; remove it first")
        if wants := "; ".join(skill_book.undeclared(skill)):
            raise UsageError(f"skill {skill.name}: {wants}, which its manifest does not ask for; not added")
        if skill.rights and not accepted:
            hint = "say --yes to accept that, and to run its test"
            raise UsageError(f"skill {skill.name} asks for {', '.join(skill.rights)}; {hint}")
        (test if skill.rights else jailed)(skill, timeout_s)
        files = skill_book.files_of(skill.folder) if path.is_dir() else []
        return self._keep(skill, [f for f in files if f.suffix != ".ipynb"], OUTSIDE)

    def _keep(self, skill: Skill, files: list[Path], origin: str) -> Skill:
        """Copy a skill here with the hash of all its files."""
        Home(self.root.parent).prepare()
        folder = self.root / skill.name
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            target = folder / file.relative_to(skill.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        text = json.dumps(skill.book, indent=1, ensure_ascii=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")
        self._note({"sha256": skill_book.folder_hash(folder), "origin": origin, "at": now()}, skill.name)
        return skill_book.read(folder / FILE)

    def _note(self, facts: dict[str, Any], name: str) -> None:
        (self.root / name / INSTALLED).write_text(canonical(_signed(facts, name)) + "\n", encoding="utf-8")

    def take_over(self) -> None:
        """Take the skills that somebody else installed as if this user had; one that was changed stays as it is."""
        for name in self.names():
            if (facts := self._facts(name)).get("sha256") == skill_book.folder_hash(self.root / name):
                self._note(facts, name)

    def get(self, name: str) -> Skill:
        """Return a skill that is as it was when it was added.

        Raises
        ------
        UsageError
            There is none of this name, or it was changed since, or somebody else installed it.
        """
        folder = self._folder(name, " (%agent skill list)")
        if (facts := self._facts(name)) != _signed(facts, name):
            raise NotTrusted(f"skill {name} was not added by you on this machine: {HOW}")
        if skill_book.folder_hash(folder) != self._facts(name).get("sha256"):
            what = f"a file in {folder} was changed since it was added"
            raise UsageError(f"skill {name}: {what}; remove it and add it again")
        return skill_book.read(folder / FILE)

    def _folder(self, name: str, hint: str = "") -> Path:
        if name not in self.names():
            raise UsageError(f"skill {name!r}: there is none{nearest(name, self.names())}{hint}")
        return self.root / name

    def _facts(self, name: str) -> dict[str, Any]:
        with suppress(OSError):
            return dict(parsed((self.root / name / INSTALLED).read_bytes(), {}))
        return {}

    def origin(self, name: str) -> str:
        """Say where a skill is from: ``outside``, or ``yours``."""
        return str(self._facts(name).get("origin", OUTSIDE))

    def list(self) -> list[Row]:
        """Return all that is installed, with what is wrong with each."""
        rows = []
        for name in self.names():
            try:
                rows.append(Row(name, self.get(name), self.origin(name), ""))
            except UsageError as error:
                rows.append(Row(name, None, self.origin(name), str(error)))
        return rows

    def remove(self, name: str) -> None:
        """Delete a skill; what it did stays in the journals."""
        shutil.rmtree(self._folder(name))

    def script(self, skill: Skill, values: Mapping[str, Any], there: Container[str]) -> Path:
        """Write the cells of one run as a script, so that a process which broke off finds them again."""
        said = ", ".join(f"{n}={v!r}" for n, v in values.items())
        done = {"text": f"Skill {skill.name} ran" + (f" with {said}." if said else ".")}
        codes = [{"name": "python", "arguments": {"code": c}} for c in skill.code(values, there)]
        turns = [*({"calls": [c]} for c in codes), done]
        folder = self.root / skill.name / RUNS
        folder.mkdir(exist_ok=True)
        path = folder / f"{hash_of(turns)[:16]}.json"
        path.write_text(json.dumps({"version": 1, "turns": turns}) + "\n", encoding="utf-8")
        return path

    async def save(self, process: ProcessLike, name: str, values: Values, description: str = "") -> Skill:
        """Save a run as a skill; each parameter takes the place of a literal that its code binds to that name.

        Raises
        ------
        UsageError
            The name is taken, no code binds a parameter to plain data, or its test does not pass.
        """
        if name in self.names():
            raise UsageError(f"skill {name} is there already; remove it first")
        folder = self.root / f".new-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            process.export(folder / FILE, params=list(values), lock=False, run=False)  # its test runs it
            book = json.loads((folder / FILE).read_text(encoding="utf-8"))
            said = description or process.run.state.goal.strip()
            skill = skill_book.read(made(folder, book, name, values, said))
            await aside(test, skill, TEST_S)
            return self._keep(skill, [f for f in skill_book.files_of(folder) if f.suffix != ".ipynb"], OWN)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _signed(facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    plain = {k: v for k, v in facts.items() if k != "mac"}
    return {**plain, "mac": mac(f"skill {canonical([name, plain])}")}


def made(folder: Path, book: dict[str, Any], name: str, values: Values, description: str) -> Path:
    """Return an exported notebook the manifest of a skill, with the parameters' cell as its defaults."""
    cell = next((c for c in book["cells"] if "parameters" in skill_book.roles(c)), None)
    if cell is not None:
        cell["source"] = "\n".join(["# Parameters", *(f"{n} = {v!r}" for n, v in values.items())])
    manifest: dict[str, Any] = {
        "name": name,
        "version": "1.0",
        "description": description[:500],
        "parameters": {n: {"type": type(v).__name__, "default": v} for n, v in values.items()},
    }
    book["metadata"].setdefault("llmos_nb", {})["skill"] = manifest
    draft = Skill(folder, book, {**manifest, "rights": []})
    kinds = [w.partition("`")[2].partition("`")[0] for w in skill_book.undeclared(draft)]
    manifest["rights"] = list(dict.fromkeys(kinds))
    if not any(skill_book.roles(c) & {*skill_book.TEST} for c in book["cells"]):
        least = "# All cells above ran; add asserts on what they must give."
        last: dict[str, Any] = {
            "cell_type": "code",
            "id": "test",
            "metadata": {"tags": ["test"]},
            "source": least,
        }
        book["cells"].append({**last, "outputs": [], "execution_count": None})
    manifest["sha256"] = skill_book.notebook_hash(book)
    (folder / FILE).write_text(json.dumps(book), encoding="utf-8")
    return folder / FILE


def test(skill: Skill, timeout_s: float) -> None:
    """Run a skill with its defaults and its test, in a process of its own; the network is off unless it asks for it."""
    files = (f.relative_to(skill.folder) for f in skill_book.files_of(skill.folder) if f.suffix != ".ipynb")
    beside = [{"path": f.as_posix()} for f in files]
    ran = execute.execute(skill.book, beside, skill.folder, offline="network" not in skill.rights, timeout_s=timeout_s)
    if ran.failed is not None:
        n, kind, said, _ = ran.failed
        last = (said.strip().splitlines() or [""])[-1]
        raise UsageError(f"skill {skill.name}: its test fails in cell {n + 1} ({kind}: {last}); not added")


def jailed(skill: Skill, timeout_s: float) -> None:
    """Run a skill that asks for no rights, with its test, in a child that has none either."""
    files = [f for f in skill_book.files_of(skill.folder) if f.suffix != ".ipynb"]
    cells = [c["source"] for c in skill.book["cells"] if c["cell_type"] == "code" and c["source"].strip()]
    here = f"import os\nos.chdir({str(skill.folder.resolve())!r})"

    async def run() -> str:
        child = Child(lambda: spawned(Setup(files=tuple(map(str, files)))), list)
        try:
            for n, code in enumerate([here, *cells]):
                deadline_s = timeout_s if n else timeout_s + START_S
                found = await child.call("python", {"code": code}, CallContext(f"c{n}", f"c{n}", deadline_s))
                if not found.ok:
                    late = f"CellTimeoutError: it took longer than {timeout_s:g} s"
                    last = late if found.error == "ToolTimeout" else (found.text.strip().splitlines() or [""])[-1]
                    return f"cell {n} ({last})"
        finally:
            child.close()
        return ""

    if wrong := beside(lambda: asyncio.run(run())):
        raise UsageError(f"skill {skill.name}: its test fails in {wrong}; not added")


async def aside(work: Callable[..., T], *given: Any) -> T:
    """Do what runs a notebook on a thread beside the main one, and close the event loop that it left there."""
    from jupyter_core.utils import ensure_event_loop  # comes with nbclient, which makes the loop

    def closing() -> T:
        try:
            return work(*given)
        finally:
            ensure_event_loop().close()

    return await asyncio.to_thread(closing)


def of(session: SessionLike) -> Skills:
    """Return the skills of a session's home."""
    return Skills(session.home.root / "skills")


def start(session: Sessions, name: str, values: Mapping[str, Any], **options: Any) -> Process:
    """Start a skill as a process in the live namespace: its cells are steps, each through the gate and undoable."""
    if session.namespace is None:
        raise LlmosError(f"skill {name}: there is no namespace to run it in")
    store = of(session)
    skill = store.get(name)
    given = skill_book.checked(skill, values)
    shown = {n: given.get(n, p.get("default")) for n, p in skill.parameters.items()}
    spec = f"skill:{store.script(skill, shown, session.namespace)}"
    more = {"out": str(skill.manifest.get("out", "")), **options}
    return session.start(f"Run the skill {name}.", name=name, model=spec, **more)


class SkillTools(Part):
    """Skills among the tools of a process; they run where its Python does."""

    def offers(self, order: Order, tools: Mapping[str, Tool]) -> list[Tool]:
        """Return the skills that were named."""
        names = [g for g in order.given if isinstance(g, str) and g.startswith(SKILL)]
        if names and "python" not in tools:
            raise UsageError(f"{names[0]}: a skill works on variables, and this process has no namespace")
        store = Skills(self.session.home.root / "skills")
        there = self.session.namespace or {}
        return [tool_of(store, name, tools["python"], there) for name in dict.fromkeys(names)]


def tool_of(store: Skills, name: str, python: Tool, there: Container[str]) -> Tool:
    """Make a tool of a skill.

    Parameters
    ----------
    store : Skills
        Where it is installed.
    name : str
        ``skill:NAME``.
    python : Tool
        What runs its code, with its inspection, its undo and its labels.
    there : container of str
        The live namespace.

    Raises
    ------
    UsageError
        There is none of this name, or it was changed since it was added.
    """
    skill = store.get(name.removeprefix(SKILL))
    inner, inspect = python.runner, python.inspect
    assert inner is not None  # noqa: S101 - the python device has one
    own = store.origin(skill.name) == OWN

    def code(arguments: Mapping[str, Any]) -> str:
        return "\n\n".join(skill.code(arguments, there))

    async def runner(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        store.get(skill.name)  # a file may have changed since the process began
        return await inner({"code": code(arguments)}, context)

    def refuse() -> Tool:
        raise UsageError(f"{name} works in the live namespace; leave out --isolate, or the skill")

    said = " ".join(str(skill.manifest.get("description", "")).split())[:300]
    said = said if own else f"Its author says (data): {said!r}"
    return replace(
        python,
        name=skill.name.replace("-", "_"),
        description=f"Run the skill {skill.name} in the user's session. {said}",
        schema=skill.schema,
        source="trusted" if own else "untrusted",
        runner=runner,
        code=code,
        inspect=None if inspect is None else lambda arguments: inspect({"code": code(arguments)}),
        digest=skill.manifest.get("sha256") or python.digest,
        apart=refuse,
    )
