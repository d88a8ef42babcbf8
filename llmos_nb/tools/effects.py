"""What a step does outside, noted where it happens: one audit hook of the interpreter (PEP 578).

It only looks; whoever is told of an effect before it happens (`CallContext.permit`) may refuse it, by raising, or hold
the step there while a person is asked. An effect belongs to the step whose context it happens in, also in threads that
the step starts; what happens in a thread that nobody knows counts for every step under way. What is noted is a few
words (``write /tmp/x``, ``network crm.example:443``), never what was sent. What a step has left behind (a thread, a
task, a finalizer, a callback) and that acts after it is told to whoever permits effects of that step. No event tells
what is done with a handle that was open before, so a step that can reach one is taken for one that acts, before it
begins. Not seen: native code that opens files by itself; so whoever asks whether a step had *no* effect looks at its
text and its variables, too.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from weakref import WeakValueDictionary, ref

from llmos_nb.errors import CallDenied, EffectRefused, JournalError
from llmos_nb.policy import listed
from llmos_nb.tools import connections, databases, handed, natives, reentry, unheard
from llmos_nb.tools.acting import STEP, by_look, by_us, caller, file_of, in_stdlib
from llmos_nb.tools.caching import places
from llmos_nb.tools.call import HANDLE
from llmos_nb.tools.commands import Said, steers
from llmos_nb.tools.events import EVENTS, opens_kept, scratch, writes
from llmos_nb.tools.protocol import CallContext, current_call

MOST, MOST_WORDS = 8, 120
_ROOT = f"{Path(__file__).parents[1]}{os.sep}"
_MACHINERY = (
    _ROOT,
    *(f"{os.sep}{n}{os.sep}" for n in ("ipykernel", "IPython", "tornado", "zmq", "jupyter_client")),
)
_READS = ("r", "rb")
_BEGINNINGS = ("<module>", "_run_module_as_main", "_bootstrap")  # of the interpreter, and of threads
_CHANGES = ("write", "delete", "database")
_NO_CHANGE = (
    "secret",
    "folder",
    "environment",
    "changed",
)  # it is judged, and changes nothing outside that Undo would leave


class Watch:
    """What one call does outside.

    Parameters
    ----------
    context : CallContext
        The call.

    Attributes
    ----------
    effects : list of str
        In the order in which they were first seen, at most `MOST` of each kind. Of more files, their folders and how
        many there are in each, once it has ended.
    refused : EffectRefused or None
        The first effect that was refused: libraries hide such an error, and the step failed all the same.
    scratch : set of str
        Files and folders that `tempfile` made in steps.
    hosts : dict of str to str
        The host by each address that steps found it to have.
    took : dict of int to None
        Lines of the step's code in which something came over the network, or may have.
    """

    def __init__(self, context: CallContext) -> None:
        self.context = context
        self.effects: list[str] = []
        self.refused: EffectRefused | None = None
        self.scratch = _scratch
        self.hosts = _hosts
        self.took: dict[int, None] = {}
        self._permitted: set[Said] = set()
        self._paths: dict[str, dict[str, None]] = {kind: {} for kind in _CHANGES}
        self._folders: set[str] = set()
        self.over = False
        self._threads: set[int | None] = set()

    def begin(self) -> None:
        """Remember the threads that are there."""
        self._threads = {t.ident for t in threading.enumerate()}

    def note(self, kind: str, what: str) -> None:
        """Note an effect before it happens; the first is told to whoever writes down that the call acts.

        Raises
        ------
        CallDenied, JournalError
            It may not happen, or could not be written down; the next one is not let through either.
        """
        if (kind, what) not in self._permitted and kind not in (HANDLE, "thread"):
            self._permit(kind, what)
        if kind == "network":
            self.took[reentry.standing()[0]] = None
        if self.over or kind in _NO_CHANGE:  # it was permitted, and stands on the record of its process
            return
        if kind in self._paths:
            self._paths[kind][what] = None
        words = f"{kind} {what}".strip()[:MOST_WORDS]
        alike = [e for e in self.effects if e.partition(" ")[0] == kind]
        if words in alike:
            return
        if len(alike) >= MOST:
            self._one_of_many(kind, what)
            return
        if kind != HANDLE or not self.effects:  # of what it may act by, one tells as much as all
            self.context.acting(words)
        self.effects.append(words)

    def _one_of_many(self, kind: str, what: str) -> None:
        """Tell of the folder of what is about to be changed, of which there are too many to tell of each."""
        words = f"{kind} {os.path.join(os.path.dirname(what.rstrip(os.sep)), '*')}"  # noqa: PTH118, PTH120 - texts
        if kind in _CHANGES and words not in self._folders and len(self._folders) < MOST:
            self.context.acting(words)
            self._folders.add(words)

    def _permit(self, kind: str, what: str) -> None:
        try:
            self.context.permit(kind, what)
        except EffectRefused as error:
            self.refused = self.refused or error
            raise
        except Exception as error:  # nobody could say that it may happen
            self.refused = EffectRefused(f"{kind} {what}: it could not be decided on ({error})")
            raise self.refused from error
        self._permitted.add((kind, what))

    def holds(self, handles: Iterable[str]) -> None:
        """Note names by which the call can reach a file, a connection or a thread."""
        for name in handles:
            self.note(HANDLE, name)

    def close(self) -> None:
        """Note the threads that were started and go on: what they do is not seen any more."""
        left = [t for t in threading.enumerate() if t.ident not in self._threads]
        if any(not t.name.startswith(("llmos", "asyncio_")) for t in left):  # ours, and idle ones of a loop
            self.note("thread", "left running")
        for kind, paths in self._paths.items():
            if len(paths) > MOST:
                others = [e for e in self.effects if e.partition(" ")[0] != kind]
                self.effects[:] = [*others, *(f"{kind} {words}" for words in listed([*paths], MOST))]
        self.over = True


def _refuse(kind: str, what: str) -> None:
    raise EffectRefused("not allowed: what is only looked at acts by itself")


_GONE = CallContext("", "", 0.0, permit=_refuse)  # the step that was watched last, where nobody holds it any more
_watches: dict[int, Watch] = {}
_ended: WeakValueDictionary[int, CallContext] = WeakValueDictionary()  # steps that were watched
_last: list[ref[CallContext]] = []  # the step that was watched last
_begins: list[CodeType] = []  # where the stack of the main thread did when a step was watched last
_scratch: set[str] = set()
_hosts: dict[str, str] = {}
_busy: set[int] = set()
_installed: list[str] = []
"""What stands: the hook, which cannot be taken away, and functions in place of others."""


@contextmanager
def watching(context: CallContext) -> Iterator[Watch]:
    """Note what a call does outside, wherever its context goes.

    Raises
    ------
    CallDenied
        Code of a step makes itself a call of its own.
    """
    if caller(sys._getframe(1), __file__) == STEP:
        raise CallDenied(reentry.DENIED)
    if "hook" not in _installed:
        _installed.append("hook")
        sys.addaudithook(_heard)
    if "functions" not in _installed:
        _installed.append("functions")
        unheard.follow()
        handed.follow()
        databases.follow(_may_write, lambda: bool(_whose(sys._getframe(1))))
    connections.follow()
    natives.follow()
    places()
    _last[:] = [ref(context)]
    main = sys._current_frames().get(threading.main_thread().ident or 0)
    _begins[:] = [_begin(main).f_code] if main is not None else []
    watch = _watches[id(context)] = Watch(context)
    watch.begin()
    try:
        yield watch
    finally:
        watch.close()
        watch.refused = None  # it holds the frames of the step, and what is in them
        _ended[id(context)] = context
        _watches.pop(id(context), None)
        if not _watches and not reentry.leaves():
            connections.leave()


def unwatch() -> bool:
    """Put functions of the standard library back; not where a step runs, or has left code that may still be called."""
    if _watches or reentry.leaves():
        return False
    unheard.restore()
    connections.leave()
    _installed[:] = [what for what in _installed if what != "functions"]
    return True


def _heard(event: str, args: tuple[Any, ...]) -> None:
    """Look at one event of the interpreter; whatever is wrong with it, the event goes on."""
    reads = event == "open" and (args[1] in _READS or not writes(*args[1:]))  # by far the most frequent one
    if reads and not (_watches and opens_kept(unheard.plain(args[0]), args[1], sys._getframe(1))):
        return
    if event not in EVENTS or not (_last or current_call.get()):
        return
    ident = threading.get_ident()
    if ident in _busy:  # our own look at paths and files, unless it came to code that a step has put there
        if _within_hook(sys._getframe(1)):
            _refuse("", "")
        return
    _busy.add(ident)
    try:
        frame, args = sys._getframe(), unheard.plain(args)
        bare = frame.f_back is None  # a function of C, on a thread of its own
        frame = frame.f_back or frame
        for watch in _whose(frame, bare):
            if bare and event == "exec":  # by a function of C that was handed over as it is
                reentry.mark(args[0], watch.context)
            said = _said(event, args, frame, watch)
            if said and (bare or not by_us(frame)):
                for kind, what in said if isinstance(said, list) else [said]:
                    steering = kind in _CHANGES and steers(what.rstrip(os.sep))
                    watch.note("command" if steering else kind, what)
                if event == "socket.getaddrinfo":
                    connections.learn(args[0], _hosts)
    except (CallDenied, JournalError):  # whoever is told says that it may not happen
        raise
    except Exception:  # noqa: S110 - a hook that raises would stop what it only looks at
        pass
    finally:
        _busy.discard(ident)


def _said(event: str, args: tuple[Any, ...], frame: FrameType, watch: Watch) -> Said | list[Said] | None:
    try:
        return EVENTS[event](args, frame, watch)
    except Exception as error:  # what cannot be read counts
        return "other", f"{event} {type(error).__name__}"


def _within_hook(frame: FrameType | None) -> bool:
    """Return whether code of a step acts while its effect is decided on: an import hook, a function in ours' place."""
    while frame is not None and frame.f_code is not _heard.__code__:
        if reentry.of_step(frame.f_code):
            return True
        frame = frame.f_back
    return False


def _whose(frame: FrameType, bare: bool = False) -> list[Watch]:
    """Return the steps that an event belongs to, those that have ended included."""
    context = current_call.get()
    if context is None or (id(context) not in _watches and _ended.get(id(context)) is not context):
        # also where one runs that is not watched yet, and calls what a step has left
        context = reentry.owner(frame)
    if context is None and _last and (bare or by_look(frame) or _handed_as_it_is(frame)):  # a step may have made it
        context = _last[0]() or _GONE
    if context is not None:
        found = _watches.get(id(context))
        if found is None and (context is _GONE or _ended.get(id(context)) is context):
            found = Watch(context)
            found.over = True
        return [found] if found is not None else []
    if not _watches or threading.current_thread() is threading.main_thread():
        return []
    at: FrameType | None = frame
    while at is not None:
        file = file_of(at.f_code)
        if file.startswith(_ROOT) or any(part in file for part in _MACHINERY):
            return []
        at = at.f_back
    return list(_watches.values())


def _handed_as_it_is(frame: FrameType) -> bool:
    """Return whether a stack begins with a function that was handed over as it is: on a bare thread, in a greenlet."""
    begin = _begin(frame)
    if begin.f_code.co_name in _BEGINNINGS:
        return False
    if threading.current_thread() is threading.main_thread():
        return bool(_watches) and begin.f_code not in _begins
    return in_stdlib(begin)


def _begin(frame: FrameType) -> FrameType:
    while frame.f_back is not None:
        frame = frame.f_back
    return frame


def temporary(value: object) -> bool:
    """Return whether a value is the path of a file or folder that `tempfile` made in a step."""
    if type(value) is not str or not value.startswith(os.sep) or "\0" in value:
        return False
    return bool(_scratch) and os.path.realpath(value) in _scratch


def tell(kind: str, what: str) -> None:
    """Tell of an effect that no audit event shows, such as a message over a connection that stands; raise as they do.

    Raises
    ------
    EffectRefused
        The code of a step wants it, and it may not happen.
    """
    for watch in _whose(sys._getframe(1)):
        watch.note(kind, what)


def _may_write(path: str) -> bool:
    """Note that a database is about to be written; by the user's own code it may be."""
    for watch in _whose(sys._getframe(1)):
        try:
            if not scratch(path, watch):
                watch.note("database", path)
        except (CallDenied, JournalError):
            return False
    return True
