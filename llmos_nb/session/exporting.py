"""What an export is made from: the processes asked for, and beside them all that ran in the same notebooks."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import ExportDoesNotRun, LlmosError, NotTrusted, UsageError
from llmos_nb.journal import Home, history
from llmos_nb.journal.events import CallUndone
from llmos_nb.messages import now
from llmos_nb.policy.secrets import vault
from llmos_nb.session import toolbox
from llmos_nb.session.notebook import Notebook, past
from llmos_nb.views import left_by, runs

if TYPE_CHECKING:
    from llmos_nb.export import ExportSource
    from llmos_nb.session.protocols import ProcessLike, SessionLike


def source_of(session: SessionLike, process: ProcessLike, wanted: bool = True) -> ExportSource:
    """Return one process as the exporter sees it, with the cells of this interpreter's history."""
    from llmos_nb.export import ExportSource  # its room is slow to import

    run = process.run
    settings = {"approve": run.state.mode, "budget": run.state.budget.limits, "plan": run.state.planning}
    return ExportSource(
        goal=run.state.goal,
        name=run.state.name,
        pid=process.pid,
        model=run.state.model,
        settings=settings,
        state=run.state,
        events=history(run.journal.events, run.journal.path),
        tools=run.tools,
        user_cells=toolbox.user_cells(session.ip),
        namespace=session.namespace,
        blobs=run.journal.path.parent / "blobs",
        secrets=vault.values(),
        wanted=wanted,
    )


def sources(session: SessionLike, processes: Sequence[ProcessLike]) -> list[ExportSource]:
    """Return the processes asked for, and the others of their notebooks, in the order of what they ran.

    Where nothing is recorded of their notebook, they stand alone, with the cells of this interpreter's history.
    """
    from llmos_nb.export import Ran, ordered, places  # as above

    found = [source_of(session, p) for p in processes]
    named = {notebook for one in found for notebook, _ in places(one).values()}
    books = _notebooks(session, named, [Home(p.journal.path.parents[2]) for p in processes])
    if not books:
        return found
    others = [source_of(session, p, wanted=False) for p in _beside(session, processes, books)]
    began_in = next((b.folder for b in books if b.folder.is_absolute()), None)
    there = began_in if began_in is not None and began_in.is_dir() else None
    ran = ordered([*found, *others], [Ran(b.id, b.cells) for b in books])
    return [replace(one, cwd=there, began_in=began_in) for one in ran]


def _notebooks(session: SessionLike, named: set[str], homes: Iterable[Home]) -> list[Notebook]:
    """Return the notebooks in which steps ran, the oldest first; this interpreter's own as it stands now."""
    recorder = session.notebook
    if recorder is not None:
        recorder.settled()
    found: dict[str, Notebook] = {}
    for home in {h.root: h for h in homes}.values():
        for notebook, path in past.notebooks(home):
            if notebook in named and notebook not in found:
                with suppress(NotTrusted):
                    found[notebook] = past.load(path)
    if recorder is not None and recorder.id in named and recorder.id not in found:  # it could not be written
        live = tuple((p.pid, p.journal.path) for p in session.processes.values())
        found[recorder.id] = Notebook(
            recorder.id, now(), Path(), tuple(recorder.settled()), live, Path(recorder.began_in)
        )
    return sorted(found.values(), key=lambda b: b.at)


def _beside(session: SessionLike, processes: Sequence[ProcessLike], books: Iterable[Notebook]) -> Iterator[ProcessLike]:
    """Return the other processes that worked on the variables of these notebooks."""
    seen = {p.journal.path.resolve() for p in processes}
    for path in (path for book in books for _, path in book.processes):
        if path.resolve() in seen or not path.exists():
            continue
        seen.add(path.resolve())
        process = _process(session, path)
        if process is not None and not process.run.journal.began.apart:
            yield process


def saved_processes(session: SessionLike, where: Path, of: str = "") -> list[ProcessLike]:
    """Return what is asked for by a journal, a run's folder or a home, as it was.

    Parameters
    ----------
    session : Session
        Without a namespace.
    where : Path
        A journal, the folder of a run, or a home: of that, the processes of its newest notebook.
    of : str
        Pids, joined by commas, of the home in which `where` is.
    """
    home = Home(where) if (where / "runs").is_dir() else None
    pids = [word.strip() for word in of.split(",") if word.strip()]
    if home is None and not pids:
        return [session.replay(where)]
    if home is None:
        file = where if where.is_dir() else where.parent
        home = Home(file.absolute().parents[1])
    if pids:
        return [session.replay(_run_of(home, pid)) for pid in pids]
    return [session.replay(path) for path in _newest(home)]


def _run_of(home: Home, pid: str) -> Path:
    if (found := home.find(int(pid)) if pid.isdecimal() else None) is None:
        raise UsageError(f"--of {pid!r}: there is no such process in {home.root}")
    return found


def _newest(home: Home) -> list[Path]:
    """Return the journals of the processes of a home's newest notebook; of a home without any, all."""
    books = sorted((past.load(path) for _, path in past.notebooks(home)), key=lambda b: b.at)
    found = [path for book in books[-1:] for _, path in book.processes if path.exists()]
    if not (found := list(dict.fromkeys(found)) or list(runs(home))):
        raise UsageError(f"{home.root}: there is no process in it")
    return found


def _process(session: SessionLike, path: Path) -> ProcessLike | None:
    """Return the process of a journal: the live one, or as it was; None of one that cannot be read, or is foreign."""
    live = (p for p in session.processes.values() if p.journal.path.resolve() == path.resolve())
    if (found := next(live, None)) is not None:
        return found
    try:
        process = session.replay(path)
    except LlmosError:
        return None
    return process if process.journal.made_here else None


@dataclass(frozen=True)
class Saved:
    """A notebook that was written.

    Parameters
    ----------
    path : Path
        Where it is.
    acts : str
        What of it would act outside a second time if it ran; empty for nothing.
    ran : bool
        It has run already, to be observed.
    foreign : bool
        It says what a journal says that was not made here.
    replaced : bool
        An earlier export stood there.
    key : str
        What it was to be signed with; empty for nothing.
    crate : str
        The crate of it; empty for none.
    folder : Path, optional
        In which it ran: it is tried without that.
    undone : tuple of str
        In words, what undone steps left.
    """

    path: Path
    acts: str = ""
    ran: bool = False
    foreign: bool = False
    replaced: bool = False
    key: str = ""
    crate: str = ""
    folder: Path | None = None
    undone: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether `prove` runs it."""
        return self.path.suffix != ".md" and not (self.foreign or self.acts or self.ran)

    def prove(self) -> str:
        """Run it in a fresh interpreter, and return the words for it; from any thread.

        Raises
        ------
        ExportDoesNotRun
            It is saved, and a cell of it raises.
        """
        return f"{self._proved()}{self._besides}"

    def _proved(self) -> str:
        from llmos_nb.export import ran  # as above

        if self.path.suffix == ".md":
            return f"saved: {self.path} (a text: nothing in it runs)"
        if self.foreign:
            return f"saved, not run: {self.path} (its journal was not made here; to do: read it, and run it yourself)"
        if self.acts:
            return f"saved, not run: {self.path} ({self.acts}, and would again; to do: run it yourself, if it may)"
        if self.runs:
            try:
                if other := ran.run(self.path, self.folder, self.undone):
                    return f"saved, not as in the run: {self.path} ({other})"
            except ExportDoesNotRun:
                raise
            except LlmosError as error:
                return f"saved, not run: {self.path} ({error})"
        return f"written: {self.path}{ran.spared(self.path)}"

    @property
    def unproved(self) -> str:
        """The words for it where nobody wants it to be run."""
        how = "saved" if self.path.suffix == ".md" else "saved, not run"
        return f"{how}: {self.path}{self._besides}"

    @property
    def _besides(self) -> str:
        """What else to know: whether it replaced another, who signed it, by the file as it stands, and its crate."""
        from llmos_nb.export.verify import key_in_words, signed_by  # as above

        parts = ["an earlier export stood there, and was replaced"] if self.replaced else []
        parts += [f"signed with {key_in_words(self.key)}: {signed_by(self.path)}"] if self.key else []
        parts += [f"its crate is {self.crate}"] if self.crate else []
        return "".join(f"; {part}" for part in parts)


def save(session: SessionLike, processes: Sequence[ProcessLike], path: Path, **options: Any) -> Saved:
    """Write the plain notebook of what survived of one or more processes; where the user's objects live."""
    from llmos_nb.export import export, ran, target_of  # as above
    from llmos_nb.export.verify import signing_key

    sign = options.get("sign", False)
    key = "" if sign is False else signing_key(sign if isinstance(sign, str) else "")
    replaced = target_of(path).exists()
    foreign = [p.journal for p in processes if not p.journal.made_here]
    if foreign and options.get("observe"):
        foreign[0].check_maker()
    ran_there = sources(session, processes)
    found = [one for one in ran_there if one.wanted or one.placed]
    written = export(found, path, **options)
    if foreign and written.suffix == ".ipynb":
        _unmark(written)
    return Saved(
        written,
        ran.acts(found),
        ran=bool(options.get("observe")),
        foreign=bool(foreign),
        replaced=replaced,
        key=key,
        crate=os.fspath(options.get("crate", "")),
        folder=found[0].folder,
        undone=tuple(_left_by_undone(ran_there)),
    )


def _left_by_undone(found: Iterable[ExportSource]) -> Iterator[str]:
    """Say of each undone step what of it stays, which no cell of the notebook does."""
    for run in found:
        for body in (e.body for e in run.events):
            if isinstance(body, CallUndone) and run.state.calls[body.call].status == "undone":
                stays = "; ".join(left_by(run.state, body)) or "what no name shows of it stays"
                yield f"call {body.call} of process {run.pid} was undone: {stays}"


def _unmark(path: Path) -> None:
    """Take the mark of this user off a notebook: it has others' code in it, and `verify` is not to run it unasked."""
    book = json.loads(path.read_text(encoding="utf-8"))
    book["metadata"]["llmos_nb"].pop("mac", None)
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def export(
    session: SessionLike, processes: Sequence[ProcessLike], path: Path, run: bool = True, **options: Any
) -> Path:
    """Write the notebook and, unless told otherwise, run it in a fresh interpreter, beside this thread.

    Raises
    ------
    ExportDoesNotRun
        It is saved, and a cell of it raises.
    """
    saved = save(session, processes, path, **options)
    if run:
        said = beside(saved.prove)
        if said.startswith("saved,"):
            warnings.warn(said, stacklevel=3)
    return saved.path


def beside(work: Callable[[], str]) -> str:
    """Do something on a thread of its own, and wait for it so that Stop is heard."""
    done: Future[str] = Future()

    def carry_out() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=carry_out, name="llmos-export", daemon=True).start()
    return done.result()
