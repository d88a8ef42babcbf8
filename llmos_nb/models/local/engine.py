"""The local model's engine: one in-process server a file of weights, one prompt at a time, off the loop."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

from llmos_nb.errors import ContextOverflow, ModelProtocol, ModelRefused
from llmos_nb.messages import Usage
from llmos_nb.models.local import weights as store
from llmos_nb.models.openai.stream import read_usage

WAIT_S = 30.0
# the server is on this machine: no proxy may stand between
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """One server's saved prefix.

    Parameters
    ----------
    server : object
        As `engine.load` returns it.
    key : str
        Of its loopback port.
    file : Path
        Where the prefix lies.
    """

    server: Any
    key: str
    file: Path

    def restore(self) -> bool:
        """Put the saved prefix into the slot; a file that does not fit is dropped."""
        good = self.file.is_file() and self._slot("restore", self.file.name)
        if not good:
            with suppress(OSError):
                self.file.unlink()
        return good

    def save(self) -> None:
        """Save what the slot holds, and drop what older versions saved; a failure costs time only."""
        fresh = f"{self.file.name}.{os.getpid()}"
        with suppress(OSError):
            if self._slot("save", fresh):
                self.file.with_name(fresh).replace(self.file)
                for old in self.file.parent.glob(f"{self.file.name.rpartition('-')[0]}-*.prefix"):
                    if old != self.file:
                        old.unlink()

    def _slot(self, action: str, filename: str) -> bool:
        """Ask the server's own port (the slot's memory has no call in the process)."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        body = json.dumps({"filename": filename}).encode()
        url = f"{self.server.listening_address}/slots/0?action={action}"
        try:
            request = urllib.request.Request(url, body, headers)  # noqa: S310 - the loopback address of our own server
            with _direct.open(request, timeout=WAIT_S) as answer:
                return bool(json.load(answer).get(f"n_{action}d"))
        except (OSError, ValueError):
            return False


def place(weights: Path, turns: list[dict[str, str]], engine: str) -> Path:
    """Name the file of a prefix: other weights, other words or another engine make another name."""
    mark = sha256(json.dumps([store.fingerprint(weights), turns, engine]).encode()).hexdigest()[:16]
    return store.folder() / f"{weights.stem}-{mark}.prefix"


CONTEXT = 4_096
# a prompt is evaluated in batches of this many tokens, and can be stopped between two: under 1 s on one core
BATCH = 32
# progress comes while the prompt is evaluated, so that a stop is seen there too
_STREAMED = {
    **dict.fromkeys(("stream", "return_progress", "cache_prompt"), True),
    "stream_options": {"include_usage": True},
}

Turn = dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """One raw reply.

    Parameters
    ----------
    text : str
        As the model wrote it.
    cut : bool
        It ran into the bound on tokens.
    usage : Usage
        As the server counted.
    """

    text: str
    cut: bool
    usage: Usage


class Engine:
    """A server with one slot, loaded when it is first asked.

    Parameters
    ----------
    path : Path
        Of the weights.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._server: Any = None
        self._warm = False
        self._pool = ThreadPoolExecutor(1, "llmos-local-model")

    async def warm(self, prefix: list[Turn]) -> None:
        """Load the weights and have the fixed prefix evaluated, so that no question waits for it."""
        await self._run(self._ready, prefix)

    async def chat(self, prefix: list[Turn], body: dict[str, Any], on_text: Callable[[str], None]) -> Reply:
        """Answer a chat; cancelling the task stops the server's work at its next batch or token.

        Parameters
        ----------
        prefix : list of dict
            The turns that every chat begins with.
        body : dict
            The whole chat, as the server's chat endpoint takes it.
        on_text : callable
            Gets text as it comes, on the event loop.
        """
        loop = asyncio.get_running_loop()

        def work(stop: threading.Event) -> Reply:
            self._ready(stop, prefix)
            return self._ask(body, lambda text: loop.call_soon_threadsafe(on_text, text), stop)

        reply: Reply = await self._run(work)
        return reply

    async def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run work on the engine's own thread (the server lets go of the interpreter while it computes)."""
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, stop, *arguments)
        finally:
            stop.set()

    def _ready(self, stop: threading.Event, prefix: list[Turn]) -> None:
        """Load the server once and bring the prefix into its slot: from the disk, or by evaluating it."""
        if self._warm or stop.is_set():
            return
        if self._server is None:
            key = secrets.token_urlsafe(32)
            self._server, self._version = load(self.path, key)
            self._cache = PrefixCache(self._server, key, place(self.path, prefix, self._version))
        if not self._cache.restore():
            turns = [*prefix, {"role": "user", "content": "Variables:"}]
            self._ask({"messages": turns, "max_tokens": 1}, lambda _: None, stop)
            self._cache.save()
        self._warm = True

    def _ask(self, body: dict[str, Any], show: Callable[[str], object], stop: threading.Event) -> Reply:
        texts: list[str] = []
        last: dict[str, Any] = {}  # what came last under each key

        def take(chunk: dict[str, Any]) -> bool:
            last.update({k: v for k, v in chunk.items() if v})
            for choice in chunk.get("choices", ()):
                last["finish"] = choice.get("finish_reason") or last.get("finish")
                if text := (choice.get("delta") or {}).get("content"):
                    texts.append(text)
                    show(text)
            return stop.is_set()  # true stops the server

        self._server.handle_chat_completions({**body, **_STREAMED}, take)
        if error := last.get("error"):
            long = error.get("type") == "exceed_context_size_error"
            raise (ContextOverflow if long else ModelProtocol)(f"local model: {error.get('message', error)}")
        if not last.get("finish"):
            raise ModelProtocol("the local model stopped before its reply was whole")
        return Reply("".join(texts), last["finish"] == "length", read_usage(last.get("usage")))


def threads() -> int:
    """Return the number of threads: one on small machines, where a second one is slower under load."""
    given = os.environ.get("LLMOS_LOCAL_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores // 2))


def load(path: Path, key: str) -> tuple[Any, str]:
    """Load weights into a server and return it with its version; its loopback port wants the key."""
    try:
        import xllamacpp  # 100 MB of native code, only for this model
    except ImportError as error:
        what = f"the local model runs on xllamacpp, which does not load ({error})"
        raise ModelRefused(f"{what}: pip install 'llmos_nb[local]'") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel = CONTEXT, 1
    params.n_batch = params.n_ubatch = BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    params.api_keys = [key]
    params.n_threads_http, params.ui, params.verbosity = 1, False, -1
    # the slot keeps its prompt; a second store of old prompts would only take memory
    params.cache_ram_mib, params.warmup = 0, False
    params.endpoint_slots, params.slot_save_path = True, f"{store.folder()}{os.sep}"
    try:
        return xllamacpp.Server(params), version("xllamacpp")
    except RuntimeError as error:
        raise ModelRefused(f"{path}: the weights do not load ({error})") from error


_engines: dict[Path, Engine] = {}
_lock = threading.Lock()


def engine(path: Path) -> Engine:
    """Return the engine of a file; one a file and Python process."""
    with _lock:
        return _engines.setdefault(path.resolve(), Engine(path))
