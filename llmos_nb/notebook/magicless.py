"""IPython's code as plain Python: what magics and shell lines do is spelled out, or left out where it only shows."""

from __future__ import annotations

import ast
import re

_DROPPED = re.compile(
    r"matplotlib|config|(re|un)?load_ext|autoreload|pip|conda|mamba|uv|precision|pylab|reset|whos?|hist(ory)?|pdb|debug"
    r"|xmode|pinfo2?|lsmagic|autosave|agent"
)
_TIMERS = ("time", "timeit", "prun", "memit", "lprun", "mprun")
_CELL_FRAMES = (*_TIMERS, "capture")
_LINE = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?P<target>[\w, ]+?)[ \t]*=[ \t]*)?(?P<sign>[%!])(?P<body>[^%!].*|![^!].*)$"
)
_HELP = re.compile(r"^\s*\??[\w.*]+\?{1,2}\s*$|^\s*\?{1,2}[\w.*]+\s*$")


class NotPython(ValueError):
    """A magic that has no plain form; its text is the line."""


def plain(source: str) -> str:
    """Give code without magics.

    Raises
    ------
    NotPython
        A magic is used that cannot be said in plain Python.
    """
    first = source.lstrip().partition("\n")[0]
    if first.startswith("%%"):
        return _cell(first[2:].strip(), source.lstrip().partition("\n")[2])
    if _parses(source):
        return source
    return "\n".join(_line(line) for line in source.splitlines())


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _cell(head: str, body: str) -> str:
    name, _, rest = head.partition(" ")
    if name in _CELL_FRAMES:
        return plain(body)
    if name in ("bash", "sh", "script"):
        return _shell("", body, "")
    if name in ("writefile", "file"):
        mode = "a" if "-a " in f"{rest} " else "w"
        path = rest.replace("-a", "").strip()
        return f'with open({path!r}, "{mode}") as _file:\n    _file.write({body!r})'
    raise NotPython(f"%%{head}")


def _line(line: str) -> str:
    if _HELP.match(line):
        return ""
    found = _LINE.match(line)
    if found is None:
        return line
    indent, target, body = found["indent"], (found["target"] or "").strip(), found["body"].strip()
    if found["sign"] == "!":
        return _shell(indent, body.lstrip("!"), target)
    return indent + _magic(body, target, line)


def _magic(body: str, target: str, line: str) -> str:
    name, _, rest = body.partition(" ")
    rest = rest.strip()
    if _DROPPED.fullmatch(name):
        return f"pass  # was: %{body}"
    if name in _TIMERS:
        return re.sub(r"^(-\w+\s+\S+\s+)*", "", rest)
    if name == "cd":
        return f"import os; os.chdir(os.path.expanduser({rest!r}))"
    if name in ("env", "set_env") and rest:
        key, _, value = re.sub(r"\s*=\s*", " ", rest, count=1).partition(" ")
        return f"import os; os.environ[{key!r}] = {value.strip()!r}"
    raise NotPython(line.strip())


def _shell(indent: str, command: str, target: str) -> str:
    """Spell a shell line as a subprocess; `{name}` in it is filled in as IPython does."""
    text = f"f{command!r}" if re.search(r"\{\w+\}", command) else repr(command)
    run = f"subprocess.run({text}, shell=True, capture_output=True, text=True, check=False).stdout"
    act = f"{target} = {run}.splitlines()" if target else f'print({run}, end="")'
    return f"{indent}import subprocess; {act}"
