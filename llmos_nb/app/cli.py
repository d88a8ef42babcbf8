"""The `llmos` command: parse, call, show. A handler a verb; each imports what it needs, so that `--help` is quick."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from llmos_nb.app import proof
from llmos_nb.app.options import Parser, example, find, offered
from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.journal import Home, home_of

TITLE = "A Jupyter kernel as an operating system for language-model agents."
MORE = """
First steps: llmos lab opens a notebook whose first part needs no key and no download.
llmos doctor says what is missing here.
llmos COMMAND --help says more of one; llmos --version."""
HELP = {"-h", "--help"}


def demo(given: Any) -> int:
    from llmos_nb.app.demo import demo  # it needs the extra `local`

    return demo(Path(given.folder), given.model)


def lab(given: Any) -> int:
    from llmos_nb.app.demo import lab  # it needs the extra `lab`

    return lab(given.jupyter)


def run(given: Any) -> int:
    from llmos_nb.app.demo import execute

    return execute(Path(given.notebook), Path(given.out or given.notebook))


def run_batch(given: Any) -> int:
    from llmos_nb.session.batch import run_file

    if given.workers < 0 or (given.dask and (given.processes or given.workers)):
        raise UsageError("llmos run-batch: --workers is at least 1, and stands with --processes, not with --dask")
    out = Path(given.out) if given.out else None
    how = {"apart": given.processes, "retry": given.retry, "budget": given.budget, "rate": given.rate}
    return run_file(Path(given.file), out, dask=given.dask, workers=given.workers, **how)


def evaluate(given: Any) -> int:
    from llmos_nb.app import scores

    return scores.evaluate(given)


def export(given: Any) -> int:
    from llmos_nb.session import Session, exporting
    from llmos_nb.views import audit

    if not (target := given.to or given.notebook):
        raise UsageError("llmos export: --to FILE is required: x.ipynb, x.py, or methods.md")
    session = Session(None)
    numbered = given.journal.isdecimal() and not Path(given.journal).exists()
    journal = audit.find(given.journal, home_of(given.home)) if numbered else Path(given.journal)
    processes = exporting.saved_processes(session, journal, given.of)
    how = {**proof.exporting(vars(given)), "observe": given.observe}
    saved = exporting.save(session, processes, Path(target), **how)
    print(saved.unproved if given.no_run else exporting.beside(saved.prove))
    return 0


def verify(given: Any) -> int:
    from llmos_nb.export.verify import verify
    from llmos_nb.views import visible

    report = verify(Path(given.notebook), **proof.proving(vars(given)))
    print(json.dumps(report.plain(), indent=1) if given.json else visible(report.text()))
    return int(report.exit_code)


def log(given: Any) -> int:
    from llmos_nb.views import audit

    home = home_of(given.home)
    flags = {k: getattr(given, k) for k in ("verify", "decisions", "by", "json", "since", "spans")}
    wanted = audit.Wanted(**flags)
    if bool(given.journal) == given.all:
        raise UsageError("llmos log: the following arguments are required: journal, or --all")
    told = audit.of_all(wanted, home) if given.all else audit.of_one(wanted, _journal(given.journal, home))
    for one in told:
        print(audit.text(one))
    return 0


def _journal(key: str, home: Home) -> Path:
    """Return the journal that is meant: a file, the folder of a run, a pid or a name of the home."""
    from llmos_nb.session import table
    from llmos_nb.views import audit

    named = None if Path(key).exists() or key.isdecimal() else table.named(home, key)
    return audit.find(str(named or key), home)


def ps(given: Any) -> int:
    from llmos_nb.app.listing import home_table, plain

    home = home_of(given.home)
    said = plain(home, given.all) if given.json else home_table(home, given.all)
    for line in (*said, *([] if given.json else (*_not_begun(home), *_given_up(home)))):
        print(line)
    return 0


def _not_begun(home: Home) -> Iterator[str]:
    """Yield a line where goals were handed over that no service has begun yet."""
    from llmos_nb.session.commands import files

    if n := sum(not pid for pid, _ in files.pending(home.root)):
        yield f"{n} goal{'s' * (n > 1)} not begun yet (llmos serve begins it as soon as it can)"


def _given_up(home: Home) -> Iterator[str]:
    """Yield a line for each goal that does not wake any more, since it failed."""
    if home.remembers:
        from llmos_nb.session.goals import Goals, goals  # few homes have some

        for goal in Goals(home).all():
            if goal.state == goals.GIVEN_UP:
                yield f"goal {goal.n} {goal.said} (llmos goals wake {goal.n} lets it try again)"


def prune(given: Any) -> int:
    from llmos_nb.session import prune

    print(prune.asked(home_of(given.home), vars(given), given.yes))
    return 0


def model(given: Any) -> int:
    from llmos_nb.models.local import fetch, weights as store

    if given.act == "list":
        store.print_models()
    else:
        name = given.name or store.choose()
        path = fetch.pull_with_bar(name, given.source or None)
        own = store.lookup(name)
        print(f"ready: {path}; its sha256 is that of {own.repo} ({own.sha256[:12]}…)")
    return 0


def prompt(given: Any) -> int:
    from llmos_nb.process import serving
    from llmos_nb.process.state import prompts, texts as ours
    from llmos_nb.session import config

    texts = {**ours.TEXTS, **(own := config.load().prompts)}
    if not given.name:
        for name, text in texts.items():
            print(f"{name + ('*' if name in own else ''):<20} {' '.join(text.split())[:90]}")
        print("* in your words, from [prompts] in llmos.toml" if own else "[prompts] in llmos.toml says them otherwise")
    elif given.name == "system":
        print(prompts.system(own, namespace=True))
    elif given.name == "tools":
        shown = (serving.reworded(tool.wire, own)["function"] for tool in _tools().values())
        print("\n".join(json.dumps(function, ensure_ascii=False, indent=1) for function in shown))
    elif given.name in texts:
        print(texts[given.name])
    elif (said := _said_of_tool(given.name)) is not None:
        print(said.get("description", ""))
    else:
        raise UsageError(f"llmos prompt: there is no text {given.name!r}{nearest(given.name, texts)}")
    return 0


def _tools() -> dict[str, Any]:
    from llmos_nb.models.scripted import ScriptedModel
    from llmos_nb.session import Session, config, toolbox

    return toolbox.everything(Session({}).parts, config.load(), ScriptedModel([{"text": "none"}]))


def _said_of_tool(name: str) -> dict[str, Any] | None:
    """Return what describes the tool or argument of a name such as ``tool.python.code``; None where there is none."""
    from llmos_nb.process import serving

    _, *path = name.split(".")
    tools = _tools() if path and name.startswith("tool.") else {}
    return serving.part(tools[path[0]].wire["function"], path[1:]) if path and path[0] in tools else None


def doctor(given: Any) -> int:
    from llmos_nb.app.doctor import report

    print(report(None))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error is one line on standard error and exit code 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _carry_out(words)
        sys.stdout.flush()  # what is left would be written after this, where nobody hears that its reader has gone
        return code
    except LlmosError as error:
        from llmos_nb.policy.secrets import redact  # few words need it
        from llmos_nb.views import visible  # as above

        print(visible(redact(f"{type(error).__name__}: {error}")), file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads it has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _carry_out(words: list[str]) -> int:
    if told := _told(words):
        print(told)
        return 0
    parser = parser_of(words[0])
    if words[0] == "lab" and "--" not in words:
        words.insert(1, "--")  # all options there are JupyterLab's
    return int(resolve_name(find(words[0], "llmos").run)(parser.read(words[1:])))


def _told(words: Sequence[str]) -> str:
    """Return the help or the version that is asked for; else nothing."""
    if words and words[0] in ("-V", "--version", "version"):
        from importlib.metadata import version  # slow to import

        return f"llmos_nb {version('llmos_nb')}, Python {sys.version.split()[0]}"
    which = [w for w in words if w not in (*HELP, "help")]
    if not which:
        return usage()
    return parser_of(which[0]).format_help() if HELP & {*words} or words[0] == "help" else ""


def parser_of(name: str) -> Parser:
    """Return the parser of one command."""
    form = find(name, "llmos")
    parser = Parser(f"llmos {name}", description=form.help, epilog=example(f"llmos {name}", form))
    for flag in form.flags:
        parser.add_argument(*flag.names, **flag.how)
    return parser


def usage() -> str:
    """Return the help of the whole command."""
    found = ((v.name, (v.llmos and v.llmos.help) or v.help) for v in offered("llmos"))
    rows = [f"  llmos {name}".ljust(19) + text for name, text in found]
    return "\n".join((TITLE, *rows, MORE))


if __name__ == "__main__":
    sys.exit(main())
