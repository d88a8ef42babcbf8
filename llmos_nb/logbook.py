"""What `log` prints of journals, the same in a notebook and on the command line: events, decisions, or the proof."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmos_nb import audit
from llmos_nb.chain import Event, history, read
from llmos_nb.errors import JournalError, UsageError
from llmos_nb.home import Home
from llmos_nb.secrets.box import box
from llmos_nb.trace import file as trace_file
from llmos_nb.views import text

HEAD = 16


@dataclass(frozen=True)
class Wanted:
    """What is to be printed.

    Parameters
    ----------
    verify : bool
        Only whether the chains hold.
    decisions : bool
        Who approved what.
    by : str
        Only the decisions of one.
    json : bool
        One JSON object a line.
    spans : str
        The file that OpenTelemetry spans are written to.
    """

    verify: bool = False
    decisions: bool = False
    by: str = ""
    json: bool = False
    spans: str = ""

    def __post_init__(self) -> None:
        if sum((self.verify, self.decisions or bool(self.by), bool(self.spans))) > 1:
            raise UsageError("log: --verify, --decisions and --spans: one of them at a time")


def of_one(wanted: Wanted, path: Path, events: Sequence[Event] | None = None) -> Iterator[str]:
    """Give the lines for one journal; `events` where they are at hand."""
    box.learn()  # a secret may have been learnt of after the journal was written
    if wanted.verify:
        yield _proof(path)
        return
    own = list(read(path) if events is None else events)
    if wanted.spans:
        yield trace_file.write(Path(wanted.spans), [history(own, path)])
    elif wanted.decisions or wanted.by:
        yield from _decided(wanted, audit.decisions(history(own, path), wanted.by))
    elif wanted.json:
        yield from (_line({"n": e.n, "at": e.at, "k": e.k, "d": e.d}) for e in own)
    else:
        yield box.redact(text.log(own))


def of_all(wanted: Wanted, home: Home) -> Iterator[str]:
    """Give the lines for all journals of a home.

    Raises
    ------
    JournalError
        At the end, how many chains do not hold.
    """
    box.learn()
    paths = list(audit.runs(home))
    if wanted.verify:
        yield from _proofs(paths)
    elif wanted.spans:
        yield trace_file.write(Path(wanted.spans), [history(events, p) for p in paths if (events := read(p))])
    else:
        yield from _decided(wanted, audit.all_decisions(home, wanted.by))


def _decided(wanted: Wanted, found: list[audit.Decision]) -> Iterator[str]:
    if wanted.json:
        yield from (_line(d.plain()) for d in found)
    else:
        yield box.redact(audit.shown(found))


def _line(plain: dict[str, object]) -> str:
    return json.dumps(box.plain(plain))


def _proof(path: Path) -> str:
    """Say that a chain holds; reading it is the check, of its payloads and of a fork's parents, too."""
    events = read(path)
    history(events, path)
    gone = sum(e.k == "call.finished" and str(e.d["result"]).startswith("[forgotten: ") for e in events)
    head = events[-1].hash[:HEAD] if events else "none"
    return f"{len(events)} events, the chain holds (head {head}" + (
        f", {gone} payloads deleted)" if gone else ")"
    )


def _proofs(paths: list[Path]) -> Iterator[str]:
    broken = 0
    for path in paths:
        try:
            yield f"{path.parent.name}: {_proof(path)}"
        except JournalError as error:
            broken += 1
            yield f"{path.parent.name}: {error}"
    if broken:
        raise JournalError(f"{broken} of {len(paths)} journals do not hold")
