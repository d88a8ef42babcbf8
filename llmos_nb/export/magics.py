"""Magics and shell lines of IPython as plain Python, or the word that there is no such form."""

from __future__ import annotations

import ast
import re
import textwrap

# What they do is nothing that a result rests on: they show, look, set up the notebook, or time.
_DROPPED = re.compile(
    r"matplotlib|config|(re|un)?load_ext|autoreload|pip|conda|mamba|uv|precision|whos?|who_ls|hist(ory)?|pdb|debug"
    r"|xmode|pinfo2?|pdoc|psource|lsmagic|autosave|agent|timeit"
)
_QUIET = re.compile(
    r"matplotlib|config|(re|un)?load_ext|autoreload|precision|pdb|xmode|autosave|agent|writefile|file|capture"
)
_TIMERS = ("time", "prun", "memit", "lprun", "mprun")  # they run a statement once, in the notebook's names
_CLOCKS = ("%time", "%timeit")  # what they print is a reading of the clock
_READINGS = re.compile(
    r"^(?:CPU times: .*|Wall time: .*|(?:Compiler|Parser) *: .*|.* per loop \(mean ± std\. dev\. of .*\)"
    r"|The slowest run took .*)\n?",
    re.MULTILINE,
)
_INSTALLS = re.compile(r"\s*(python3? -m )?(pip3?|conda|mamba|uv)\s+(pip\s+)?(install|add|update|upgrade)\b")
_OPTIONS = re.compile(r"^(-\w+(\s+\S+(?=\s+-|\s+\S+))?\s+)*")


class NotPython(ValueError):
    """A magic that has no plain form; its text is the line."""


def plain(source: str) -> str:
    """Return code without magics; one that cannot be said in plain Python raises `NotPython`."""
    first = source.lstrip().partition("\n")[0]
    if first.startswith("%%"):
        return _cell(first[2:].strip(), source.lstrip().partition("\n")[2])
    if not _parses(source):
        return _lines(source)
    return _without(source) if "get_ipython" in source else source


def shows(source: str) -> str:
    """Return the first magic of some code whose own output its plain form does not give; empty for none."""
    loud = (n for n in _named(source) if not _QUIET.fullmatch(n.strip("%")))
    return next((n for n in loud if n.replace("%%", "%") not in _CLOCKS), "")


def readings(source: str, text: str) -> tuple[str, list[str]]:
    """Return what some code printed without what ``%time`` and ``%timeit`` say of the clock, and the lines of that."""
    if not any(n.replace("%%", "%") in _CLOCKS for n in _named(source)):
        return text, []
    return _READINGS.sub("", text), [line.rstrip("\n") for line in _READINGS.findall(text)]


def _named(source: str) -> list[str]:
    """Return the magics that code uses, but for `%cd -q`, which is told to show nothing."""
    if not source.lstrip().startswith("%%") and _parses(source):
        return []
    return re.findall(r"^\s*(?:[\w, ]+=\s*)?(%{1,2}(?!cd\s+-q)\w+)", source, re.MULTILINE)


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _cell(head: str, body: str) -> str:
    name, _, rest = head.partition(" ")
    if name == "timeit":
        return "\n".join([f"pass  # was: %%{head}", *(f"# {line}" for line in body.splitlines())])
    if name in _TIMERS:
        return plain(body)
    if name == "capture":
        return _captured(rest, plain(body))
    if name in ("bash", "sh", "script"):
        return _command(body, "")
    if name in ("writefile", "file"):
        mode = "a" if "-a " in f"{rest} " else "w"
        path = rest.replace("-a", "").strip()
        return f'with open({path!r}, "{mode}") as _file:\n    _file.write({body!r})'
    raise NotPython(f"%%{head}")


def _captured(rest: str, body: str) -> str:
    """Spell ``%%capture`` as what it does: the cell within IPython's own context that takes the output."""
    words = rest.split()
    off = [w.removeprefix("--no-") for w in words if w in ("--no-stdout", "--no-stderr", "--no-display")]
    names = [w for w in words if not w.startswith("-")]
    if len(off) + len(names) != len(words) or len(names) > 1:
        raise NotPython(f"%%capture {rest}")
    given = ", ".join(f"{name}=False" for name in off)
    head = f"with capture_output({given}){f' as {names[0]}' if names else ''}:"
    inner = textwrap.indent(body, "    ") if '"""' not in body and "'''" not in body else ""
    inner = inner or textwrap.indent(ast.unparse(ast.parse(body)), "    ")
    return f"from IPython.utils.capture import capture_output\n\n{head}\n{inner if body.strip() else '    pass'}"


def _lines(source: str) -> str:
    """Return code whose lines of IPython's own are Python; texts over several lines are left alone."""
    from IPython.core.inputtransformer2 import TransformerManager  # only for code with magics

    text = TransformerManager().transform_cell(source)
    return _without(text) if _parses(text) else source


def _without(text: str) -> str:
    """Put plain statements in the place of those that call IPython's magics."""
    edits: list[tuple[ast.stmt, str]] = []
    for node in (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Expr | ast.Assign)):
        if (called := _called(node.value)) is not None:
            targets = node.targets if isinstance(node, ast.Assign) else []
            edits.append((node, _statement(called[0], called[1], " = ".join(map(ast.unparse, targets)))))
    lines = text.encode().splitlines(keepends=True)
    for statement, said in sorted(edits, key=lambda e: e[0].lineno, reverse=True):
        first, last = lines[statement.lineno - 1], lines[(statement.end_lineno or statement.lineno) - 1]
        new = first[: statement.col_offset] + (said or "pass" * bool(statement.col_offset)).encode()
        lines[statement.lineno - 1 : statement.end_lineno] = [new + last[statement.end_col_offset or 0 :]]
    return b"".join(lines).decode().rstrip("\n")


def _called(node: ast.expr) -> tuple[str, list[str]] | None:
    """Return the method of IPython's that an expression calls, with its texts; None for anything else."""
    match node:
        case ast.Call(ast.Attribute(ast.Call(ast.Name("get_ipython"), [], []), method), args, []):
            texts = [a.value for a in args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if len(texts) == len(args):
                return method, texts
            raise NotPython(ast.unparse(node))
    return None


def _statement(method: str, texts: list[str], target: str) -> str:
    """Return a magic or a shell line as a statement."""
    if method in ("system", "getoutput", "getoutput_lines") and len(texts) == 1:
        return _command(texts[0], target or ("_" if method != "system" else ""))
    if method == "run_line_magic" and len(texts) == 2:
        return _magic(texts[0], texts[1], target)
    if method == "run_cell_magic" and len(texts) == 3:
        return _cell(f"{texts[0]} {texts[1]}".strip(), texts[2])
    raise NotPython(f"{method}({', '.join(texts)})")


def _magic(name: str, rest: str, target: str) -> str:
    line, rest = f"%{name} {rest}".strip(), rest.strip()
    if target and name == "time":  # it gives what the expression gives
        return f"{target} = {rest}"
    if target:
        raise NotPython(f"{target} = {line}")
    if name in ("pinfo", "pinfo2", "psearch"):
        return ""
    if _DROPPED.fullmatch(name):
        return f"pass  # was: {line}"
    if name in _TIMERS:
        return plain(_OPTIONS.sub("", rest))
    rest = rest.removeprefix("-q ").strip() if name == "cd" else rest
    if name == "cd" and rest not in ("", "-"):
        return f"import os; os.chdir(os.path.expanduser({rest!r}))"
    if name in ("env", "set_env") and re.search(r"[\s=]", rest):
        key, _, value = re.sub(r"\s*=\s*", " ", rest, count=1).partition(" ")
        return f"import os; os.environ[{key!r}] = {value.strip()!r}"
    raise NotPython(line)


def _command(command: str, target: str) -> str:
    """Spell a shell line as a subprocess; ``{name}`` and ``$name`` in it are filled in as IPython does."""
    if _INSTALLS.match(command):
        if target:
            raise NotPython(f"{target} = !{command}")
        return f"pass  # was: !{command}"
    filled = re.sub(r"(?<!\$)\$([a-z_][a-z_0-9]*)\b", r"{\1}", command)  # the shell's own are in capitals
    holes = re.findall(r"\{[^{}'\"]*\}", filled)
    known = [h for h in holes if h.strip("{}") and _parses(h.strip("{}")) and not re.match(r"\{\s*\d", h)]
    if known:
        parts = re.split("|".join(map(re.escape, dict.fromkeys(known))), filled)
        bare = [p.replace("{", "{{").replace("}", "}}") for p in parts]
        inside = iter(re.findall("|".join(map(re.escape, dict.fromkeys(known))), filled))
        text = "f" + repr("".join(p + next(inside, "") for p in bare))
    else:
        text = repr(command)
    output = "stdout=subprocess.PIPE, stderr=subprocess.STDOUT" if target else "capture_output=True"
    run = f"subprocess.run({text}, shell=True, {output}, text=True, check=False).stdout"
    use = f"{target} = {run}.splitlines()" if target else f'print({run}, end="")'
    return f"import subprocess; {use}"
