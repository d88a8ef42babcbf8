"""Values that cannot be reproduced: they depend on the time, the network, the machine or an unseeded draw."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence

from llmos_nb.export.dataflow.effects import NUMPY, PYTHON, TORCH, dotted, unseeded
from llmos_nb.export.dataflow.flow import Flow
from llmos_nb.export.dataflow.slice import Line, Piece, read

NETWORK = "the network"
CHANCE = "a draw whose random state was not recorded"
_TIME = re.compile(
    r"(.*\.)?(now|utcnow|today|time_ns|perf_counter|perf_counter_ns|monotonic|process_time|localtime|gmtime|ctime)"
    r"|(.*\.)?time\.time"
)
_NETWORK = re.compile(
    r"(requests|httpx|urllib|aiohttp|socket|ftplib|smtplib|imaplib|boto3|paramiko)\..*|(.*\.)?urlopen"
)
_OS = r"os\.(getpid|getppid|urandom|getlogin|cpu_count|uname|getenv)"
_MACHINE = re.compile(rf"({_OS}|platform\..*|uuid\..*|secrets\..*|tempfile\..*|id|hash)")
_PERSON = re.compile(r"input|getpass\.getpass")
_WORDS = (
    (_TIME, "the time"), (_NETWORK, NETWORK), (_MACHINE, "the machine"), (_PERSON, "a person's input"),
)  # fmt: skip
STATES = frozenset((PYTHON, NUMPY, TORCH))


def unrepeatable(node: ast.AST) -> str:
    """Return what a statement's own calls depend on that cannot be reproduced; empty for nothing."""
    for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
        path = dotted(call.func)
        found = next((why for words, why in _WORDS if path and words.fullmatch(path)), "")
        if found or _remote(call):
            return found or NETWORK
    return CHANCE if unseeded(node) else ""


def reaches(source: str) -> str:
    """Return what a piece of code as a whole depends on that cannot be reproduced."""
    whys = [unrepeatable(n) for n in ast.parse(source).body]
    return NETWORK if NETWORK in whys else next(filter(None, whys), "")


def _remote(call: ast.Call) -> bool:
    texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return any(re.match(r"(https?|ftp|s3|gs)://", text) for text in texts)


def tainted(pieces: Sequence[Piece], recorded: Iterable[str] = ()) -> dict[str, str]:
    """Follow what cannot be repeated forward through code, to its end; see `taints`."""
    return taints(pieces, recorded)[-1] if pieces else dict.fromkeys(STATES - set(recorded), CHANCE)


def taints(pieces: Sequence[Piece], recorded: Iterable[str] = ()) -> list[dict[str, str]]:
    """Follow what cannot be repeated forward through code.

    Parameters
    ----------
    pieces : sequence of Piece
        The code in executed order.
    recorded : iterable of str
        Random states that start from what the run recorded.

    Returns
    -------
    list of dict
        For each piece, by name as it stands after it, why it may not come out the same.
    """
    why = dict.fromkeys(STATES - set(recorded), CHANCE)
    lines, late = read(pieces)
    found: list[dict[str, str]] = []
    for line in lines:
        found += [dict(why)] * (line.piece - len(found))
        _follow(line, late, why)
    return found + [dict(why)] * (len(pieces) - len(found))


def _follow(line: Line, late: Mapping[str, Flow], why: dict[str, str]) -> None:
    reads = line.flow.reads.union(*(late[name].reads for name in line.flow.reads & late.keys()))
    reason = unrepeatable(line.node) or next((why[n] for n in sorted(reads) if n in why), "")
    if reason:
        why.update({n: why.get(n, reason) for n in line.touched if not n.startswith("$")})
    else:
        for name in line.flow.kills:
            why.pop(name, None)
