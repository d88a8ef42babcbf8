"""Amounts and short sentences as the views say them: one place, so that panel, page and terminal agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from llmos_nb.journal.events import CallInDoubt, CallResolved, HeapRestored
from llmos_nb.process.state import CONTROL, State, did, lost_names
from llmos_nb.tools import Call
from llmos_nb.views.contract import Bar, Clock, StepRow, Words

NOW = {
    "plan": "planning",
    "you": "waiting for you",
    "act": "running a call",
    "observe": "reading a result",
    "integrate": "taking in what came back",
    "check": "checking the answer",
    "answer": "done",
}
LOOP = tuple(NOW)
SAY = {
    "pending": "not started",
    "running": "running",
    "waiting": "waiting for you",
    "done": "done",
    "failed": "failed",
    "rejected": "rejected",
    "skipped": "skipped",
    "replaced": "replaced",
    "undone": "undone",
    "left": "not done",
}
UNFINISHED = "not finished"
DIME, THOUSAND, MINUTE, TENTHS_TO_S = 0.1, 1000, 60, 10
HOUR, DAY = 3600, 86_400
_LONG = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s"))
BARS_MOST = 4
FEW = 3
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_UNSEEN = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff{BIDI}]")
_OF_NUMPY = re.compile(r"\bnp\.(?:float|int|uint|complex)\d+\(([^()]*)\)|\bnp\.(True|False)_")
_COUNTED = ("", "once", "twice")


def rebuilt(b: HeapRestored) -> str:
    """Say in one line what came back in a new interpreter, and how."""
    kinds = ((b.stored, "read back"), (b.rerun, "run again, as you said" if b.by else "run again"))
    said = [f"{count(len(calls), 'step')} {how}" for calls, how in kinds if calls]
    gone = [n for n in b.missing if n not in b.differs]
    said += [f"gone: {', '.join(gone)}"] if gone else []
    said += [f"not as before: {', '.join(b.differs)}"] if b.differs else []
    return "names: " + ("; ".join(said) or "nothing to bring back")


def doubt(b: CallInDoubt) -> str:
    """Say what is known of a call in doubt."""
    if b.why or b.did is None:
        return b.why or "nobody knows whether it was done"
    return "; ".join(filter(None, ("cut off", f"until then it {did(b.did)}", lost_names(b.lost, b.may))))


def resolved(b: CallResolved) -> str:
    """Say how a call in doubt was settled."""
    if not b.done:
        return "runs again"
    return f"took effect, and {lost_names(b.lost, b.may)}" if b.lost else "was done"


def money(amount: float, places: int = 3) -> str:
    """Say an amount in $: two places from ten cents on, more below."""
    return f"${amount:.2f}" if amount >= DIME or not amount else f"${amount:.{places}f}"


def tokens(amount: float) -> str:
    """Say a number of tokens: ``812``, ``6.2k``, ``1.5m``."""
    return _scaled(amount, ("", "k", "m"))


def size(amount: float) -> str:
    """Say a number of bytes."""
    return _scaled(amount, (" bytes", " KB", " MB"))


def _scaled(amount: float, units: tuple[str, str, str]) -> str:
    if amount < THOUSAND:
        return f"{amount:.0f}{units[0]}"
    scale, unit = (1e6, units[2]) if amount >= THOUSAND**2 else (1e3, units[1])
    return f"{amount / scale:.1f}".removesuffix(".0") + unit


def clock(seconds: float) -> str:
    """Say a time as on a clock: ``0:41``, ``1:02:05``."""
    whole = int(seconds)
    hours, minutes = divmod(whole // MINUTE, MINUTE)
    return f"{hours}:{minutes:02}:{whole % MINUTE:02}" if hours else f"{minutes}:{whole % MINUTE:02}"


def duration(seconds: float) -> str:
    """Say how long something took: ``0.1 s``, ``41 s``, ``2 min 5 s``, ``3 h 10 min``, ``2 d 5 h``."""
    if seconds < MINUTE:
        return f"{seconds:.1f} s" if seconds < TENTHS_TO_S else f"{seconds:.0f} s"
    whole = round(seconds)
    unit, name, part, rest = next(each for each in _LONG if whole >= each[0])
    left = whole % unit // part
    return f"{whole // unit} {name}" + (f" {left} {rest}" if left else "")


def count(amount: int, noun: str) -> str:
    """Say ``1 step`` or ``4 steps``."""
    return f"{amount:,} {noun}" if amount == 1 else f"{amount:,} {noun}s"


def times(amount: int) -> str:
    """Say ``once``, ``twice``, ``3 times``."""
    return _COUNTED[amount] if amount < len(_COUNTED) else f"{amount} times"


def listed(items: Iterable[object]) -> str:
    """Join as one says it: ``1``, ``1 and 2``, ``1, 2 and 3``."""
    words = [str(i) for i in items]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def few(items: Iterable[object], most: int = FEW) -> str:
    """Join the first ones, and say how many more there are."""
    found = [str(i) for i in items]
    return listed([*found[:most], *([f"{len(found) - most} more"] if len(found) > most else [])])


def names(found: Sequence[str], most: int = 8) -> list[str | list[str | int]]:
    """Return names as code words, joined by commas; of many the first ones."""
    out: list[str | list[str | int]] = []
    for name in found[:most]:
        out += [", ", ["`", name]]
    return [*out[1:], f" and {len(found) - most} more"] if len(found) > most else out[1:]


def status(row: StepRow) -> str:
    """Say how a row stands: of one that is pending, whether it has begun."""
    return UNFINISHED if row.get("begun") else SAY[row["s"]]


def plain(words: Words | None) -> str:
    """Return words without their marks."""
    if words is None or isinstance(words, str):
        return words or ""
    return "".join(run if isinstance(run, str) else str(run[1]) for run in words)


def marked(text: str) -> Words:
    """Read `` `code` `` in a sentence of ours (or of a device) as a code word."""
    parts = text.split("`")
    if len(parts) == 1 or len(parts) % 2 == 0:
        return text
    return [["`", part] if i % 2 else part for i, part in enumerate(parts) if part]


def as_read(value: str) -> str:
    """Return a value's text with numbers of numpy as a person reads them: of ``np.float64(4201.75)`` ``4201.75``."""
    return _OF_NUMPY.sub(lambda m: m[1] or m[2], value)


def hidden(text: str) -> list[str]:
    """Name the characters of a text that a reader cannot see or that change the order in which it reads."""
    return sorted({f"U+{ord(c):04X}" for c in text if c in BIDI or (c < " " and c not in "\n\t\r")})


def visible(text: str) -> str:
    """Write control and direction characters as escapes, so that they steer neither a terminal nor the eye."""
    if not _UNSEEN.search(text):
        return text
    return _UNSEEN.sub(lambda m: ascii(m[0])[1:-1], text.replace("\r\n", "\n"))


def ref(call: Call) -> list[str | int]:
    """Return a call as a link to its row: of its step, or its own; as code where it has none."""
    if call.name in CONTROL:
        return ["`", call.id]
    return ["@", call.id, call.step or call.undoes or call.id]


def upper(text: str) -> str:
    """Begin with a capital."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    return upper(closed(text))


def closed(text: str) -> str:
    """End with a full stop, where nothing else ends it."""
    text = text.strip()
    return text + ("" if not text or text[-1] in ".?!:" else ".")


def short(text: str, most: int = 80) -> str:
    """Return one line of at most `most` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def phrase(text: str, most: int = 120) -> str:
    """Return one line: whole, or of a long text its first words; a word is not cut where it fits by itself."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    head, space, _ = line[:most].rpartition(" ")
    return (head if space else line[: most - 1]).rstrip(",;:. ") + " …"


def since(at: str, now: str) -> float:
    """Return the seconds from one ISO 8601 time to another, 0 where one is missing."""
    if not at or not now:
        return 0.0
    return max((datetime.fromisoformat(now) - datetime.fromisoformat(at)).total_seconds(), 0.0)


def who(s: State) -> str:
    """Say name, pid and model in one line."""
    return " · ".join(filter(None, (s.name, f"pid {s.pid}", model_at(s.model, s.endpoint))))


def model_at(model: str, endpoint: str | None) -> str:
    """Name a model, and where it is asked."""
    if model.startswith(("openai/", "http")):
        model = model.rpartition("#" if "#" in model else "/")[2]
    return f"{model} at {endpoint.partition('://')[2]}" if endpoint else model


ELSEWHERE = "running (elsewhere)"


def standing(s: State, elsewhere: bool = False, driven: bool = True) -> str:
    """Say in a few words how a process stands: ``waiting for you since 14:02``.

    Parameters
    ----------
    s : State
        The process.
    elsewhere : bool
        Another interpreter drives it at this moment.
    driven : bool
        Whether anything here would go on with it; else it broke off where its journal ends.
    """
    if s.status == "ended":  # also while whoever drove it still holds its journal
        return s.reason if s.reason == "killed" else f"ended, {s.reason}"
    if elsewhere and not (s.waiting or s.expecting):
        return ELSEWHERE
    if s.waiting:
        return f"waiting for you{_from(min((q.get('since', '') for q in s.questions.values()), default=''))}"
    if s.expecting:
        wait = next(iter(s.awaited.values()))
        return f"waiting for {short(wait.get('title') or 'a message', 40)}{_from(wait.get('since', ''))}"
    if s.status == "running":
        here = "running (pauses after this step)" if s.pause_wanted else "running"
        return here if driven else f"broke off{_from(s.at, 'at')}"
    return s.status


def _from(at: str, word: str = "since") -> str:
    return f" {word} {moment(at)}" if at else ""


def moment(at: str) -> str:
    """Say an ISO 8601 time as on a clock here: ``14:02``, of another day ``Nov 26 14:02``."""
    then, now = datetime.fromisoformat(at).astimezone(), datetime.now().astimezone()
    return f"{then:%H:%M}" if then.date() == now.date() else f"{then:%b} {then.day} {then:%H:%M}"


_BARS: dict[str, tuple[str, Callable[[float], str]]] = {
    "steps": ("steps", lambda v: f"{v:.0f}"),
    "calls": ("calls", lambda v: f"{v:.0f}"),
    "tokens": ("tokens", tokens),
    "$": ("money", money),
    "s": ("time", clock),
}


def bars(s: State, counting: bool = False) -> list[Bar]:
    """Return the bars of the budget; `calls` only where there is room or nothing else is left.

    Parameters
    ----------
    s : State
        The process.
    counting : bool
        Whether its time runs on from its last event.
    """
    shown = [u for u in _BARS if u in s.budget.limits]
    if len(shown) > BARS_MOST and s.spent.get("calls", 0) < s.budget.limits["calls"]:
        shown.remove("calls")
    made = [_bar(*_BARS[unit], s.spent.get(unit, 0.0), s.budget.limits[unit]) for unit in shown]
    for bar in made if counting else ():
        if bar["name"] == "time":
            bar["clock"] = {"since": s.at, "base": s.spent.get("s", 0.0), "top": s.budget.limits["s"]}
    return made


def counting(since: str, say: str, base: float = 0.0) -> Clock | None:
    """Return a time that runs on, where it is known since when."""
    if not since:
        return None
    return {"since": since, "say": say, "base": base} if base else {"since": since, "say": say}


def _bar(name: str, say: Callable[[float], str], used: float, top: float) -> Bar:
    return {"name": name, "used": say(used), "of": say(top), "part": round(used / top, 3) if top else 1.0}


def spending(s: State) -> str:
    """Say the budget in one sentence, for pages without bars: ``2 of 20 steps, $0.002 of $0.50``."""
    said = (f"{b['used']} of {b['of']} {b['name']}" for b in bars(s))
    return ", ".join(bar.removesuffix(" money").removesuffix(" time") for bar in said)
