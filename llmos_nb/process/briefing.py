"""The head of a prompt: system message (or a small model's own examples) and the goal with its variables' card."""

from __future__ import annotations

import ast
import builtins
import keyword
import re
import weakref
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError, nearest
from llmos_nb.messages import Message, Part
from llmos_nb.models import Traits
from llmos_nb.process.images import attached
from llmos_nb.process.state import prompts
from llmos_nb.process.state.texts import TEXTS, filled
from llmos_nb.tools.devices.namespace import card, visible

LARGEST = 256 << 20
NAMED = re.compile(r"!`([^`\n]+)`")
_made: dict[str, weakref.ref[Any]] = {}


def files(goal: str) -> list[str]:
    """Name the files that a goal attaches, each once."""
    return list(dict.fromkeys(NAMED.findall(goal)))


def anywhere(goal: str) -> str:
    """Return a goal that means the same files in any folder: those that are here by their full names."""
    here = {file: Path(file).expanduser() for file in files(goal)}
    full = {file: str(path.absolute()) for file, path in here.items() if path.is_file()}
    return NAMED.sub(lambda m: f"!`{full.get(m[1], m[1])}`", goal)


def is_table(file: str) -> bool:
    """Tell a table from an image, by the file's name."""
    return _ending(file) in _READERS


def variable(file: str) -> str:
    """Return the variable that a table becomes: `sales` for ``data/sales.csv``, `t_2024` for ``2024.csv``."""
    name = re.sub(r"\W+", "_", Path(file).name.partition(".")[0], flags=re.ASCII).strip("_") or "table"
    return f"t_{name}" if not name.isidentifier() or keyword.iskeyword(name) else name


def tables(goal: str) -> dict[str, str]:
    """Return the tables that a goal attaches: file by variable."""
    found: dict[str, str] = {}
    for file in filter(is_table, files(goal)):
        name = variable(file)
        if name in found:
            raise UsageError(f"!`{file}`: !`{found[name]}` becomes the variable {name}, too; rename one of the files")
        found[name] = file
    return found


def attach(goal: str, namespace: dict[str, Any] | None) -> list[dict[str, str]]:
    """Read the tables that a goal attaches into variables.

    Returns
    -------
    list of dict
        ``{"name", "file", "sha256"}`` of each, for the record.

    Raises
    ------
    UsageError
        A file cannot be read, its name is taken by a variable of the user's, or there is no namespace; nothing was
        changed.
    """
    wanted = tables(goal)
    if wanted and namespace is None:
        raise UsageError(f"!`{next(iter(wanted.values()))}`: there is no namespace that could hold it")
    for name, file in wanted.items():
        if name in (namespace or {}) and not _ours(name, namespace or {}):
            raise UsageError(f"!`{file}`: there is a variable {name} already; write `{name}`, or delete it first")
    read = {name: _read(file) for name, file in wanted.items()}
    for name, (frame, _) in read.items():
        _bind(name, frame, namespace)
    return [{"name": n, "file": wanted[n], "sha256": digest} for n, (_, digest) in read.items()]


def restore(recorded: Iterable[Mapping[str, str]], namespace: dict[str, Any] | None) -> None:
    """Read attached tables again in a new kernel, where their files are what they were; else they stay missing."""
    for one in recorded:
        if namespace is None or one["name"] in namespace:
            continue
        try:
            frame, digest = _read(one["file"])
        except UsageError:  # the process says what it needs when it is resumed
            continue
        if digest == one["sha256"]:
            _bind(one["name"], frame, namespace)


def attached_words(goal: str, own: Mapping[str, str] = {}) -> list[str]:
    """Say which variable each attached table is, for the model; `own` are texts in the place of ours."""
    words = own.get("attached_table") or TEXTS["attached_table"]
    return [filled(words, file=file, name=name) for name, file in tables(goal).items()]


def _ours(name: str, namespace: Mapping[str, Any]) -> bool:
    """Whether a variable is one that attaching made, so that the cell may be run again."""
    made = _made.get(name)
    return made is not None and made() is namespace[name]


def _bind(name: str, frame: Any, namespace: dict[str, Any] | None) -> None:
    if namespace is not None:
        namespace[name] = frame
        _made[name] = weakref.ref(frame)


def _read(file: str) -> tuple[Any, str]:
    """Return a table and the hash of its file."""
    path = Path(file).expanduser()
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= LARGEST else b""
    except OSError as error:
        raise UsageError(f"!`{file}`: cannot be read ({error.strerror or error})") from None
    if size > LARGEST:
        raise UsageError(f"!`{file}`: {size:,} bytes; at most {LARGEST:,} are attached: read it in a cell of your own")
    library, read = _READERS[_ending(file)]
    for module in ("pandas", library):
        if find_spec(module) is None:
            raise UsageError(f'!`{file}`: {module} is not installed; pip install "llmos_nb[tables]"')
    try:
        return read(path), sha256(raw).hexdigest()
    except Exception as error:  # whatever a broken file does to a reader
        raise UsageError(f"!`{file}`: not a table ({type(error).__name__}: {str(error)[:150]})") from None


def _ending(file: str) -> str:
    name = file.lower()
    packed = name.endswith((".csv.gz", ".tsv.gz"))
    return (name.removesuffix(".gz") if packed else name).rpartition(".")[2]


def _pandas(function: str, **options: Any) -> Callable[[Path], Any]:
    return lambda path: getattr(import_module("pandas"), function)(path, **options)


def _parquet(path: Path) -> Any:
    duckdb = import_module("duckdb")
    with duckdb.connect() as connection:
        return connection.read_parquet(str(path)).df()


# by ending: the library beside pandas, and the reader
_READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "csv": ("pandas", _pandas("read_csv")),
    "tsv": ("pandas", _pandas("read_csv", sep="\t")),
    "parquet": ("duckdb", _parquet),
    "xlsx": ("openpyxl", _pandas("read_excel")),
}

_NAME = re.compile(r"(?<![&!`])`([A-Za-z_]\w*)`")
_FUNCTION = re.compile(r"&`([A-Za-z_]\w*)`")
_CODE = re.compile(r"[&!]`[^`\n]+`|`([^`\n]+)`")
_HIDDEN = frozenset(("In", "Out", "exit", "quit", "get_ipython", "open"))


def named(goal: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return the variables that a goal names in backticks, also within an expression, and that exist."""
    return [n for n in dict.fromkeys(n for code in _CODE.findall(goal) for n in _read_by(code)) if n in namespace]


def _read_by(code: str) -> list[str]:
    """Return the names that an expression reads from outside; of what is none, nothing."""
    try:
        tree = ast.parse(code.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return []
    bound = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    found = sorted((n for n in ast.walk(tree) if isinstance(n, ast.Name)), key=attrgetter("col_offset"))
    bound |= {n.id for n in found if isinstance(n.ctx, ast.Store)}
    return [n.id for n in found if n.id not in bound]


def meant(goal: str) -> dict[str, Any]:
    """Return the names of a goal that stand for something of the user's, with nothing to compare them with."""
    found = dict.fromkeys(_NAME.findall(goal)) | dict.fromkeys(_FUNCTION.findall(goal), meant)  # any function
    ours = {*dir(builtins), *tables(goal)}
    return {n: value for n, value in found.items() if n not in ours}


def misspelt(goal: str, namespace: Mapping[str, Any]) -> list[str]:
    """Say which names in backticks do not exist while one like them does, or while no name of the goal does.

    Others may be what the goal wants made; where one is an attribute, or in a file's name, none need be a variable.
    """
    tables = (v for v in namespace.values() if hasattr(type(v), "dtypes") and hasattr(type(v), "columns"))
    there = {*namespace, *dir(builtins), *(str(c) for table in tables for c in table.columns)}
    own = [n for n in namespace if not n.startswith("_") and n not in _HIDDEN]
    said = list(dict.fromkeys(_NAME.findall(goal)))
    wrong = [n for n in said if n not in there and not Path(n).exists()]  # a package, a folder
    near = [(n, found[0]) for n in wrong if (found := get_close_matches(n, own, 1, 0.7))]
    if near or wrong != said or not said or not _other_names(namespace).isdisjoint(said):
        return [f"`{n}`: no such variable; did you mean `{found}`?" for n, found in near]
    many, names = len(said) > 1, ", ".join(f"`{n}`" for n in said)
    return [f"{names}: no such variable{'s' * many} yet; has the cell run that makes {'them' if many else 'it'}?"]


def _other_names(namespace: Mapping[str, Any]) -> set[str]:
    """Return the attributes of variables and their classes, and the words in names of the files that are here."""
    stated = (vars(v) for v in namespace.values() if type(v).__dictoffset__)
    attributes = {a for names in (*stated, *map(dir, map(type, namespace.values()))) for a in names}
    return attributes | {w for p in Path().iterdir() for w in (*p.name.split("."), *re.split(r"[\W_]+", p.name))}


def mostly_wrong(goal: str, namespace: Mapping[str, Any], traits: Traits) -> list[str]:
    """Say how often a model was right where a goal is about several tables, if it mostly was not."""
    tables = [n for n, v in namespace.items() if hasattr(type(v), "dtypes") and hasattr(type(v), "columns")]
    about = [f"`{n}`" for n in tables if re.search(rf"(?<!\w){re.escape(n)}(?!\w)", goal)]
    if traits.joins is None or len(about) < 2 or 2 * traits.joins[0] > traits.joins[1]:
        return []
    right = "{} of {}".format(*traits.joins)
    return [f"{', '.join(about)}: {traits.name} got {right} questions over two tables right; read its code"]


def handed(goal: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return the functions that a goal hands over, as in ``&`f```."""
    names = list(dict.fromkeys(_FUNCTION.findall(goal)))
    for name in names:
        if not callable(namespace.get(name)):
            known = [n for n, v in namespace.items() if callable(v) and not n.startswith("_")]
            raise UsageError(f"&`{name}`: no such function in the notebook{nearest(name, known)}")
    return names


def with_attachments(goal: str) -> tuple[Part, ...]:
    """Read the images that a goal names, as in ``!`chart.png```."""
    return tuple(attached(n) for n in files(goal) if not is_table(n))


def user_names(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names that a user would call variables: no modules, functions, classes or hidden names."""
    seen = ((n, v) for n, v in namespace.items() if not n.startswith("_") and n not in _HIDDEN)
    return [n for n, v in seen if not callable(v) and type(v).__name__ != "module"]


def head(
    goal: str,
    traits: Traits,
    namespace: Mapping[str, Any] | None,
    patterns: str,
    show_values: bool,
    apart: bool = False,
    private: Container[str] = (),
    own: Mapping[str, str] = {},
) -> tuple[Message, ...]:
    """Make the head.

    Parameters
    ----------
    goal : str
        What the user wrote.
    traits : Traits
        Of the model; one with its own `prefix` gets ``Variables: … Question: …``.
    namespace : mapping, optional
        The live namespace.
    patterns : str
        ``--vars``: names or globs, with ``-`` in front to leave out; empty for those that the goal names, or all.
    show_values : bool
        Values, ranges and categories may be shown.
    apart : bool
        Its Python runs in a process of its own.
    private : container of str
        Variables of which no value is shown.
    own : mapping
        Texts in the place of ours, by name.
    """
    how = (show_values or traits.sees_values, not traits.prefix, private)
    shown = str(card(shown_names(goal, namespace, patterns), namespace, *how)) if namespace is not None else ""
    images = with_attachments(goal)
    texts = {**TEXTS, **own}
    note = texts["attached" if traits.images else "attached_unseen"]
    said = [filled(note, what="; ".join(p.text for p in images))] if images else []
    said += [filled(texts["attached"], what="; ".join(found))] if (found := attached_words(goal, own)) else []
    goal = "\n\n".join([goal.strip(), *said])
    if traits.prefix:
        asked = f"Variables:\n{shown}\nQuestion: {goal.strip()}" if shown else f"Question: {goal.strip()}"
        return (*traits.prefix, Message("user", asked))
    text = goal.strip() + (f"\n\n{filled(texts['variables'], card=shown)}" if shown else "")
    system = prompts.system(own, namespace is not None, apart)
    return (Message("system", system), Message("user", text, parts=images))


def introduced(head: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """Tell a process who it is and how things stand, behind what the system message says to all of them."""
    return (replace(head[0], text=head[0].text + words), *head[1:])


def told(head: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """Return a head that ends with these words."""
    return (*head[:-1], replace(head[-1], text=f"{head[-1].text}\n\n{words}"))


def shown_names(goal: str, namespace: Mapping[str, Any], patterns: str) -> list[str]:
    """Return the variables that a process is shown: those of ``--vars``, or those that its goal names, or all."""
    attached = [n for n in tables(goal) if n in namespace]
    if patterns:
        return list(dict.fromkeys([*attached, *visible(namespace, patterns)]))
    return list(dict.fromkeys([*attached, *named(goal, namespace)])) or user_names(namespace)
