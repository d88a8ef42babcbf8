"""The journal of one process: an append-only file of chained events with one writer.

Lines are written by a few threads for all journals of the interpreter, so that a slow disk never holds up the event
loop, nor one journal the others: `append` puts an event in order, `flush` waits until everything appended is on disk.
Whoever causes an effect flushes before it.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import platform
import queue
import threading
from asyncio import Future, get_running_loop
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future as ThreadFuture
from dataclasses import replace
from hashlib import sha256
from os import write  # what a step's code finds there is judged
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from llmos_nb.errors import JournalError, JournalLocked, JournalUnwritable, LlmosError, NotTrusted
from llmos_nb.journal.blobs import HOLDERS, INLINE, Blobs, put_outside
from llmos_nb.journal.chain import GENESIS, Event, scan
from llmos_nb.journal.events import KINDS, Body, RunStarted, Unknown, parse
from llmos_nb.journal.home import HOW, keyed, sync_folder
from llmos_nb.journal.interpreters import MARK, check_holder
from llmos_nb.messages import canonical, now

_log = logging.getLogger(__name__)
ADOPTED = ".adopted"  # stands beside a journal that was taken over
WRITERS, SOON_S = 4, 0.02  # threads; so long does what nobody waits for wait for what comes after it


class _Writers:
    """The threads that write and sync the journals of this interpreter; a disk syncs several files as fast as one."""

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset) if hasattr(os, "register_at_fork") else None

    def _reset(self) -> None:
        self.jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.threads: list[threading.Thread] = []

    def put(self, job: Callable[[], None]) -> None:
        self.jobs.put(job)
        if len(self.threads) < WRITERS and (not self.threads or self.jobs.qsize()):
            thread = threading.Thread(target=self._work, args=(self.jobs,), name="llmos-journal", daemon=True)
            with contextlib.suppress(RuntimeError):  # Python 3.12 begins none at the end of the interpreter
                thread.start()
                self.threads.append(thread)
            while not self.threads and not self.jobs.empty():
                self.jobs.get()()

    @staticmethod
    def _work(jobs: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            jobs.get()()


_writers = _Writers()


class Lane:
    """The jobs of one journal, done one after the other by whichever writer is free."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._jobs: deque[Callable[[], None]] = deque()
        self._busy = False

    def put(self, job: Callable[[], None]) -> None:
        """Have a job done after those that came before it; what it raises is logged."""
        with self._mutex:
            self._jobs.append(job)
            busy, self._busy = self._busy, True
        if not busy:
            _writers.put(self._work)

    def _work(self) -> None:
        while True:
            with self._mutex:
                if not self._jobs:
                    self._busy = False
                    return
                job = self._jobs.popleft()
            try:
                job()
            except Exception:
                _log.exception("a journal could not be written")


def chained(
    n: int, at: str, body: Body, d: dict[str, Any], prev: str, encoded: str = "", keyed: hmac.HMAC | None = None
) -> tuple[Event, bytes]:
    """Make the next event of a chain and its line, by whose key `keyed` is; `encoded` is `d`, the data of `body`."""
    k, encoded = body.kind, encoded or canonical(d)
    digest = sha256(f'{prev}[{n},"{at}","{k}",{encoded}]'.encode()).hexdigest()
    own = f'"mac":"{(mac := _mac(keyed, f"event {digest}"))}",' if keyed else (mac := "")
    line = f'{{"at":"{at}","d":{encoded},"hash":"{digest}","k":"{k}",{own}"n":{n},"prev":"{prev}"}}\n'
    return Event(n, at, k, d, prev, digest, body, mac), line.encode()


def _mac(keyed: hmac.HMAC, text: str) -> str:
    made = keyed.copy()
    made.update(text.encode())
    return made.hexdigest()


class Journal:
    """A journal that this process may append to while it holds the lock.

    Parameters
    ----------
    path : path-like
        The file; its folder is made where it is missing.
    scrub : callable, optional
        ``scrub(kind, d, encoded)`` returns `d` without the values of secrets; `d` itself where there are none.
    guard : callable, optional
        ``guard(kind, d)`` raises where the event may not be written by whoever calls.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        scrub: Callable[[str, dict[str, Any], bytes], dict[str, Any]] | None = None,
        guard: Callable[[str, dict[str, Any]], object] | None = None,
    ) -> None:
        self.path = Path(path)
        self._scrub, self.guard, self._keyed = scrub, guard, keyed()
        self.events: list[Event] = []
        self._pending: list[bytes] = []
        self._payloads: list[tuple[str, bytes]] = []
        self._values: list[tuple[str, bytes]] = []
        self._mutex, self._io, self._holding = threading.Lock(), threading.Lock(), threading.RLock()
        self._lane, self._size, self._fd, self._holders, self._soon = Lane(), 0, -1, 0, False
        self._lock = FileLock(str(self.path.with_suffix(".lock")), thread_local=False)
        if self.path.exists():
            self.reread()

    def reread(self) -> None:
        """Take in what the file holds by now; of a journal that is not held."""
        self.events, self._size = scan(self.path)

    @property
    def head(self) -> str:
        """Hash of the last event."""
        return self.events[-1].hash if self.events else GENESIS

    @property
    def made_here(self) -> bool:
        """Whether this user wrote it on this machine to its last event, or took it over as it stands."""
        if not self.events or self.events[-1].mac == _mac(self._keyed, f"event {self.head}"):
            return True
        with contextlib.suppress(OSError, ValueError):
            own = _mac(self._keyed, f"event adopted {self.head}")
            return self.path.with_suffix(ADOPTED).read_text("ascii") == own
        return False

    def check_maker(self) -> None:
        """Raise `NotTrusted` unless it was made here."""
        if not self.made_here:
            raise NotTrusted(f"{self.path} was not made here: {HOW}")

    def take_over(self) -> None:
        """Take it over as it stands: from now on it counts as made here."""
        self.path.with_suffix(ADOPTED).write_text(_mac(self._keyed, f"event adopted {self.head}"), "ascii")

    @property
    def began(self) -> RunStarted:
        """How the process was started: the first event.

        Raises
        ------
        JournalError
            The file is none of a process.
        """
        body = self.events[0].body if self.events else None
        if not isinstance(body, RunStarted):
            raise JournalError(f"{self.path} does not begin with {RunStarted.kind}: no journal of a process")
        return body

    @property
    def behind(self) -> bool:
        """Whether the file holds other events than these, since somebody else went on with it."""
        try:
            return self._fd < 0 and not self._pending and self.path.stat().st_size != self._size
        except OSError:
            return False

    def acquire(self) -> None:
        """Take the journal for writing, or say who has it; to be released as often as it was taken."""
        with self._holding:
            if not self._holders:
                self._take()
            self._holders += 1

    def _take(self) -> None:
        with contextlib.suppress(OSError):  # no mark; and its own says all by itself
            if self.path.with_suffix(MARK).read_text("utf-8", "replace") != f"{os.getpid()}-{platform.node()}":
                check_holder(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise JournalLocked(f"{self.path} is being written by {self._holder()}") from error
        except OSError as error:
            raise JournalUnwritable(f"cannot write {self.path}: {error.strerror or error}") from error
        self._owner().write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        try:
            self._open()
        except LlmosError:
            self._give_back()
            raise

    def _owner(self) -> Path:
        return self.path.with_suffix(".owner")

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            return self._owner().read_text(encoding="utf-8")
        return "another process"

    def _open(self) -> None:
        """Open for append, cut a torn tail off, and close a last line that lacks its newline."""
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            found = os.fstat(self._fd).st_size
            if found != self._size:
                self.reread()
            self.check_maker()
            if found != self._size:
                os.ftruncate(self._fd, self._size)
            if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
                self._size += write(self._fd, b"\n")
        except OSError as error:
            raise JournalUnwritable(f"cannot write {self.path}: {error.strerror or error}") from error

    def release(self) -> None:
        """Give the journal up, once nobody holds it; what was appended since the last flush is written first."""
        with self._holding:
            self._holders = max(self._holders - 1, 0)
            if not self._holders:
                self._give_back()

    def _give_back(self) -> None:
        self._soon = False  # the loop may end before it comes to that
        if self._fd >= 0 and self._pending:
            with contextlib.suppress(JournalError):  # whoever flushed last has been told
                self._write()
        with self._io:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._owner().unlink()
            self._lock.release(force=True)

    def append(self, body: Body, payloads: Sequence[tuple[str, bytes]] = ()) -> Event:
        """Put the next event in order; it is on disk after the next `flush`, behind the payloads that it names.

        Raises
        ------
        CallDenied
            It would be a person's decision, and code of a step writes it.
        """
        if type(body) is not KINDS.get(body.kind, Unknown):
            raise TypeError(f"{type(body).__name__} is not the class of {body.kind}")
        d = body.plain()
        if self.guard is not None:
            self.guard(body.kind, d)
        with self._mutex:
            event, line = self._chained(body, d)
            self.events.append(event)
            self._pending.append(line)
            self._payloads += payloads
        return event

    def _chained(self, body: Body, d: dict[str, Any]) -> tuple[Event, bytes]:
        """Make the event without the values of secrets, its large payload beside the chain."""
        n, at, k, encoded = len(self.events), now(), body.kind, canonical(d)
        if self._scrub is not None and (safe := self._scrub(k, d, encoded.encode())) is not d:
            d, body, encoded = safe, parse(k, safe), canonical(safe)
        if k in HOLDERS and len(encoded) > INLINE:
            kept, payloads = put_outside(d)
            event, line = chained(n, at, body, kept, self.head, keyed=self._keyed)
            self._payloads += payloads
            return replace(event, d=d), line
        return chained(n, at, body, d, self.head, encoded, self._keyed)

    def keep(self, name: str, value: bytes) -> None:
        """Have a value written beside the journal, before the events that come; it can be done without."""
        with self._mutex:
            self._values.append((name, value))

    def kick(self) -> None:
        """Have what was appended written in a moment, with what comes until then, by the caller's event loop."""
        if self._pending and not self._soon:
            self._soon = True
            get_running_loop().call_later(SOON_S, self._start)

    def _start(self) -> None:
        self._soon = False
        if self._pending:
            self._lane.put(lambda: self._settle(None))

    async def flush(self) -> None:
        """Wait until everything appended is on disk.

        Raises
        ------
        JournalUnwritable
            What was appended is kept and written by a later flush.
        """
        loop = get_running_loop()
        done: Future[None] = loop.create_future()

        def settle(error: JournalError | None) -> None:
            if not done.cancelled():
                done.set_exception(error) if error else done.set_result(None)

        self.written(lambda error: loop.call_soon_threadsafe(settle, error))
        await done

    def flush_now(self) -> None:
        """Do the same as `flush` from code that cannot await."""
        done: ThreadFuture[None] = ThreadFuture()
        self._lane.put(lambda: self._settle(lambda e: done.set_exception(e) if e else done.set_result(None)))
        done.result()

    def written(self, then: Callable[[JournalError | None], object]) -> None:
        """Have something done once everything appended is on disk, or could not be written: on a writer's thread."""
        self._lane.put(lambda: self._settle(then))

    def _settle(self, then: Callable[[JournalError | None], object] | None) -> None:
        """Write in the writer's thread and report."""
        error: JournalError | None = None
        try:
            self._write()
        except JournalError as failure:
            error = failure
        if then is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                then(error)

    def _write(self) -> None:
        """Write all pending lines in one go and sync; on failure the file is as before and they stay pending.

        Nobody may close the file meanwhile: half a write that cannot be taken back would be written a second time.
        """
        with self._io:
            self._write_held()

    def _write_held(self) -> None:
        with self._mutex:
            data = b"".join(self._pending)
            count, payloads = len(self._pending), list(self._payloads)
            values, self._values = (self._values, []) if data else ([], self._values)
        if not data:
            return
        try:
            if os.fstat(self._fd).st_size != self._size:
                raise JournalLocked(f"{self.path} was written by {self._holder()}; this process stops writing")
            for name, value in values:
                Blobs(self.path.parent / "blobs").spill(name, value)
            if payloads:  # on disk before the events that name them
                Blobs(self.path.parent / "blobs").write(payloads)
            view = memoryview(data)
            while view:  # a write may take only a part
                view = view[write(self._fd, view) :]
            os.fsync(self._fd)
            if not self._size:
                sync_folder(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise JournalUnwritable(f"cannot write {self.path}: {error.strerror or error}") from error
        with self._mutex:
            del self._pending[:count], self._payloads[: len(payloads)]
            self._size += len(data)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for a few appends from code that does not drive, and flush them."""
        self.acquire()
        try:
            yield
            if self._holders == 1:
                self.flush_now()
        finally:
            self.release()
