"""Values that cannot be reproduced: they depend on the time, the network, the machine or an unseeded draw."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TypeGuard

from llmos_nb.export.dataflow.effects import NUMPY, PYTHON, TORCH, dotted, unseeded
from llmos_nb.export.dataflow.flow import Flow
from llmos_nb.export.dataflow.parsed import inside, once
from llmos_nb.export.dataflow.slice import Line, Piece, read
from llmos_nb.export.dataflow.texts import TEXT_METHODS, Texts, displayed, makers, taken
from llmos_nb.heap.content import told
from llmos_nb.policy.code import inspect_code

NETWORK = "the network"
CHANCE = "a draw whose random state was not recorded"
_TIME = re.compile(
    r"(.*\.)?(now|utcnow|today|time_ns|perf_counter|perf_counter_ns|monotonic|monotonic_ns|process_time|thread_time)"
    r"|(.*\.)?(localtime|gmtime|ctime)|(.*\.)?time\.(time|strftime|asctime)"
)
_OF_A_TIME = re.compile(r"(.*\.)?(localtime|gmtime|ctime|asctime|strftime)")  # of the present one only by default
_NETWORK = re.compile(
    r"(requests|httpx|urllib(?!\.(parse|error)\.)|aiohttp|socket|ftplib|smtplib|imaplib|boto3|paramiko)\."
    r"(?!(.*\.)?(URL|Headers|QueryParams|Request|PreparedRequest)$).*|(.*\.)?urlopen"  # those are made, not sent
)
_ADDRESS = re.compile(r"(https?|ftp|s3|gs)://")
_OF_TEXT = re.compile(  # an address is text for these
    r"print|str|len|repr|dict|list|set|tuple|urllib\.parse\..*|re\..*|json\.dumps|uuid\..*"
    r"|(.*\.)?(startswith|endswith|replace|removeprefix|removesuffix|r?split|r?partition|strip|join|format|append|Series"
    r"|URL|Headers|QueryParams|Request)"
)
TIME, FITTING = "the time", "how long fitting took"
FOLDER = "the folder in which the notebook runs"
FOLDER_NAME = "the name of the folder in which the notebook runs"
_FOLDER = re.compile(r"os\.getcwdb?|(.*\.)?(cwd|absolute|resolve|abspath|realpath)")
_OS = r"os\.(getpid|getppid|urandom|getlogin|cpu_count|uname)"
_MACHINE = re.compile(rf"({_OS}|(.*\.)?SystemRandom|platform\..*|uuid\.(?!uuid[35]$|UUID$).*|secrets\..*|id|hash)")
TEMPORARY = "the name of a temporary file or folder"
_TEMPORARY = re.compile(r"tempfile\..*")
_TEMPORARY_NAME = re.compile(r"(?<![a-z0-9_])tmp[a-z0-9_]{8}(?![a-z0-9_])")
NAMES = "which names there are, and a notebook has others"
_NAMES = re.compile(r"globals|vars|dir")
_PERSON = re.compile(r"input|getpass\.getpass")
_WORDS = (
    (_TIME, TIME), (_NETWORK, NETWORK), (_MACHINE, "the machine"), (_PERSON, "a person's input"),
    (_TEMPORARY, TEMPORARY),
)  # fmt: skip
_ASCTIME = "%(asctime)"  # by which a line of a log has its time
STATES = frozenset((PYTHON, NUMPY, TORCH))


def holds_after_all(why: str, words: str, folder: Path) -> bool:
    """Return whether a value or an output is the same each time, whatever code it rests on, by its words.

    A temporary file has another name each time, and a notebook another folder; what was read there is the same, and no
    name of these is in it. Where words do not tell all, it is tried in another folder, but not at another time. How
    long fitting took stands in fields that the words leave out.
    """
    if why == FITTING:
        return bool(told(words).times)
    if why in (FOLDER, FOLDER_NAME):
        parts = folder.parts[1:] if why == FOLDER_NAME else ()
        named = "|".join(map(re.escape, parts)) or "$^"
        return words != "<" and not _ABSOLUTE.search(words) and not re.search(rf"(?<!\w)({named})(?!\w)", words)
    whole = not words.startswith("<") and not _HASHED.search(words)
    return why == TEMPORARY and whole and not _TEMPORARY_NAME.search(words)


_ABSOLUTE = re.compile(r"(?<![\w:/.])/\w|\b[A-Z]:\\")
_HASHED = re.compile(r": [0-9a-f]{16}\b")
Aliases = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Known:
    """What the names of some code stand for."""

    aliases: Aliases  # full names of imports
    apart: frozenset[str]  # functions that take paths apart
    anywhere: Texts  # what is another text each time in all the code, which a function finds when it is called
    texts: Texts  # the same as it stands at a statement


def _known(lines: Sequence[Line]) -> _Known:
    nodes = [n for line in lines for n in inside(line.node)]
    apart = frozenset(name for n in nodes if (name := _defined(n)) and _takes_apart(n))
    aliases = imported_as(nodes)
    classes = [n for n in nodes if isinstance(n, ast.ClassDef)]
    own = {c.name: [unrepeatable(m, aliases) for m in c.body if _tells(m)] for c in classes}
    told = {name: next(filter(None, whys), "") for name, whys in own.items() if whys}
    anywhere = Texts(makers(nodes, told, dict(aliases)))
    for line in lines:
        anywhere.learn(line.node)
    return _Known(aliases, apart, anywhere, Texts(anywhere.makers))


def _tells(node: ast.AST) -> bool:
    """Return whether a method gives its object as text: that is of no result but of the text itself."""
    return isinstance(node, ast.FunctionDef) and node.name in TEXT_METHODS


def _defined(node: ast.AST) -> str:
    """Return the name of what is called later, where a statement defines that."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda()):
            return name
    return ""


_APART = re.compile(r"(.*\.)?(basename|dirname|relpath)|.*\.(name|stem|parts|parents?|relative_to|r?split|r?partition)")


def _takes_apart(node: ast.AST) -> bool:
    """Return whether code may take a part of a path: only then a folder's bare name can come from it."""
    parts = (n for n in inside(node) if isinstance(n, ast.Attribute | ast.Name))
    return any(_APART.fullmatch(n.id if isinstance(n, ast.Name) else f".{n.attr}") for n in parts)


def imported_as(sources: Iterable[ast.AST]) -> Aliases:
    """Return the full names of what statements import under another name, or out of its module."""
    found: dict[str, str] = {}
    for node in sources:
        if isinstance(node, ast.Import):
            found |= {a.asname: a.name for a in node.names if a.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    return tuple(sorted(found.items()))


@once
def unrepeatable(node: ast.AST, aliases: Aliases = ()) -> str:
    """Return what a statement's own calls depend on that cannot be reproduced; empty for nothing."""
    known, folder = dict(aliases), ""
    if _taken_whole(node, _TIMED):
        return FITTING
    of_no_result = [n for n in inside(node) if n is not node and (_tells(n) or getattr(n, "name", "") == "__hash__")]
    aside = {id(n) for method in of_no_result for n in inside(method)}
    looked_into = {id(n.value) for n in inside(node) if isinstance(n, ast.Subscript) or _gets(n)}
    for call in (n for n in inside(node) if isinstance(n, ast.Call) and id(n) not in aside):
        path = dotted(call.func)
        first, dot, rest = path.partition(".")
        path = f"{known.get(first, first)}{dot}{rest}"
        if _NAMES.fullmatch(path) and not (call.args or id(call) in looked_into):
            return NAMES
        folder = folder or (FOLDER if _FOLDER.fullmatch(path or getattr(call.func, "attr", "")) else "")
        if _OF_A_TIME.fullmatch(path) and len(call.args) > path.endswith("strftime"):
            continue
        found = next((why for words, why in _WORDS if path and words.fullmatch(path)), "")
        found = found or (TIME if any(_ASCTIME in text for text in _texts(call)) else "")
        if found or (
            any(map(_ADDRESS.match, _texts(call))) and not _OF_TEXT.fullmatch(path or getattr(call.func, "attr", ""))
        ):
            return found or NETWORK
    return CHANCE if unseeded(node) else folder


# under which scikit-learn notes how long fitting took, beside the scores
_TIMED = ("cv_results_", "refit_time_", "cross_validate")


def _taken_whole(node: ast.AST, names: Collection[str]) -> bool:
    """Return whether code takes what stands under a name, and not only fields of it that hold no time."""
    items = [item for part in inside(node) if (item := _items(part, names)) is not None]
    names = {*names, *(item for item, _ in items)}  # which stand for each value of it
    walked = {id(over) for _, over in items}
    read = (n for n in inside(node) if id(n) not in walked and not isinstance(getattr(n, "ctx", None), ast.Store))
    found = [n for n in read if getattr(n, "attr", getattr(n, "id", "")) in names]
    picked = (n.value for n in inside(node) if isinstance(n, ast.Subscript) and _of_no_time(n.slice)) if found else ()
    scores = {id(x) for value in picked for x in inside(value)}
    return any(id(n) not in scores for n in found)


def _items(node: ast.AST, names: Collection[str]) -> tuple[str, ast.expr] | None:
    """Return the name that goes through the values of what stands under one of some names, and where that is read."""
    match getattr(node, "target", None), getattr(node, "iter", None):
        case (ast.Tuple([_, ast.Name(item)]), ast.Call(ast.Attribute(ast.Name(name) as over, "items"), [])) | (
            ast.Name(item),
            ast.Call(ast.Attribute(ast.Name(name) as over, "values"), []),
        ) if name in names:
            return item, over
    return None


def _of_no_time(key: ast.expr) -> bool:
    """Return whether a key, or a list of them, is spelled out and names no time."""
    keys = key.elts if isinstance(key, ast.List) else [key]
    return all(isinstance(k, ast.Constant) and isinstance(k.value, str) and "time" not in k.value for k in keys)


def _gets(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and node.attr == "get"


def reaches(source: str) -> str:
    """Return what a piece of code as a whole depends on that cannot be reproduced."""
    tree = ast.parse(source)
    known = imported_as(ast.walk(tree))
    whys = [unrepeatable(n, known) for n in tree.body]
    return NETWORK if NETWORK in whys else next(filter(None, whys), "")


def _texts(call: ast.Call) -> list[str]:
    given = (*call.args, *(k.value for k in call.keywords))
    return [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]


@dataclass
class Fate:
    """Why the work of a piece of code may not come out the same, each time by a reason; empty where it should."""

    names: dict[str, str] = field(default_factory=dict)  # of what stands there behind it
    shown: str = ""  # of what it shows
    values: str = ""  # of the values that it shows, not of their text
    written: str = ""  # of what it writes to files


def tainted(pieces: Sequence[Piece]) -> dict[str, str]:
    """Return by name why what stands there in the end may not come out the same."""
    return fates(pieces)[-1].names if pieces else dict.fromkeys(STATES, CHANCE)


def fates(pieces: Sequence[Piece], recorded: Iterable[str] = ()) -> list[Fate]:
    """Follow what cannot be repeated forward through code; random states that are `recorded` can."""
    why = dict.fromkeys(STATES - set(recorded), CHANCE)
    lines, late = read(pieces)
    known, found = _known(lines), list[Fate]()
    by_piece = {n: [*own] for n, own in groupby(lines, lambda line: line.piece)}
    for n, piece in enumerate(pieces):
        fate, own = Fate(), by_piece.get(n, [])
        for line in own:
            reason = _follow(line, late, why, known, piece.still)
            text = reason or (displayed(line.node, known.texts) if line is own[-1] else "")
            if text and _may_show(line, late):
                fate.shown, fate.values = fate.shown or text, fate.values or reason
            if reason and not fate.written and _may_write(line, late):
                fate.written = reason
        fate.names = dict(why)
        found.append(fate)
    return found


def _may_show(line: Line, late: Mapping[str, Flow]) -> bool:
    """Return whether a statement may show something: all but an assignment that calls nothing which prints."""
    if isinstance(line.node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    simple = isinstance(line.node, ast.Assign | ast.AnnAssign | ast.AugAssign)
    return not simple or bool(line.flow.reads & (late.keys() | {"print", "display"}))


def _may_write(line: Line, late: Mapping[str, Flow]) -> bool:
    """Return whether a statement may write to a file: of those that bind something only what surely does."""
    if isinstance(line.node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return any(risk.kind == "file" for risk in inspect_code(ast.unparse(line.node)).risks)
    shown = line.node.value if isinstance(line.node, ast.Expr) else None
    printed = shown is not None and (not isinstance(shown, ast.Call) or dotted(shown.func) in ("print", "display"))
    return not printed and _may_show(line, late)


def _follow(line: Line, late: Mapping[str, Flow], why: dict[str, str], known: _Known, still: bool) -> str:
    """Note what a statement makes of the names, and return why it may not do the same again."""
    reads = line.reads(late) - ({PYTHON, NUMPY} if still else set())
    defines = isinstance(line.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    made = set() if defines else known.texts.learn(line.node)
    reason = unrepeatable(line.node, known.aliases) or taken(line.node, known.anywhere if defines else known.texts)
    known.texts.forget(line.flow.kills - made)
    fitted = {n for n in reads if why.get(n) == FITTING}  # what is made of a time is no field that is left out
    inherited = [why[n] for n in sorted(reads - fitted) if n in why]
    inherited += [TIME for n in fitted if n not in line.flow.reads or _taken_whole(line.node, (n,))]
    reason = _gravest(reason, *inherited)
    if reason == FOLDER and (_takes_apart(line.node) or line.flow.reads & known.apart):
        reason = FOLDER_NAME
    if reason:
        why.update({n: _gravest(why.get(n, ""), reason) for n in line.touched if not n.startswith("$")})
    else:
        for name in line.flow.kills:
            why.pop(name, None)
    return reason


def _gravest(*reasons: str) -> str:
    """Return the first reason that nothing mends, else the first that another folder does not, or not wholly."""
    mended = ((FITTING, FOLDER, FOLDER_NAME), (FOLDER, FOLDER_NAME), (FOLDER,), ())
    return next((r for lesser in mended for r in reasons if r and r not in lesser), "")
