"""The `llmos` command: parse, call, show."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llmos_nb.app.options import Parser
from llmos_nb.errors import LlmosError, UsageError, nearest
from llmos_nb.journal import home_of
from llmos_nb.policy.secrets import redact

COMMANDS: dict[str, tuple[str, Callable[[Parser], None], Callable[[Any], int]]] = {}
Setup = Callable[[Parser], None]


def command(
    name: str, text: str, setup: Setup = lambda parser: None
) -> Callable[[Callable[[Any], int]], Callable[[Any], int]]:
    """Register a command with its help and arguments."""

    def register(act: Callable[[Any], int]) -> Callable[[Any], int]:
        COMMANDS[name] = (text, setup, act)
        return act

    return register


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error is one line on standard error and exit code 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(usage())
            return 0
        if words[0] not in COMMANDS:
            raise UsageError(f"llmos {words[0]!r}: unknown command{nearest(words[0], COMMANDS)}")
        text, setup, act = COMMANDS[words[0]]
        parser = Parser(f"llmos {words[0]}", description=text)
        setup(parser)
        if "--help" in words or "-h" in words:
            print(parser.format_help())
            return 0
        return act(parser.read(words[1:]))
    except LlmosError as error:
        print(redact(f"{type(error).__name__}: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def usage() -> str:
    """Return the help of the whole command."""
    rows = [f"  llmos {name}".ljust(18) + text for name, (text, _, _) in COMMANDS.items()]
    return "A Jupyter kernel as an operating system for language-model agents.\n" + "\n".join(rows)


def say(words: str) -> None:
    """Print for the reader."""
    print(words, flush=True)


def _demo_options(p: Parser) -> None:
    p.add_argument("--folder", default="llmos-demo", help="where notebook, journal and export are left")
    p.add_argument("--model", default="", help="another model than the local one")


@command("demo", "run the first notebook in a real kernel with the local model", _demo_options)
def _demo(given: Any) -> int:
    from llmos_nb.app.demo import demo  # it needs the extra `local`

    return demo(Path(given.folder), given.model)


def _lab_options(p: Parser) -> None:
    p.add_argument(
        "jupyter", nargs="*", metavar="-- OPTION", help="for JupyterLab: -- --no-browser --port 8899"
    )


@command("lab", "open the notebooks in JupyterLab", _lab_options)
def _lab(given: Any) -> int:
    from llmos_nb.app.demo import lab  # it needs the extra `lab`

    return lab(given.jupyter)


def _run_options(p: Parser) -> None:
    p.add_argument("notebook")
    p.add_argument("-o", "--out", default="", help="where the executed notebook goes; default: in place")


@command("run", "execute a notebook in a real kernel, headless", _run_options)
def _run(given: Any) -> int:
    from llmos_nb.app.demo import execute

    return execute(Path(given.notebook), Path(given.out or given.notebook))


def _batch_options(p: Parser) -> None:
    p.add_argument(
        "file", help="JSON lines: id, goal, model, approve, budget, tools, inputs, home, plan, check"
    )
    p.add_argument("-o", "--out", default="", help="JSON lines of results; what ended there is not run again")
    p.add_argument("--workers", type=int, default=0, metavar="N", help="how many at once; default: 8 threads")
    p.add_argument("--processes", action="store_true", help="processes of this machine rather than threads")
    p.add_argument("--dask", default="", metavar="ADDRESS", help="of a Dask scheduler, for many machines")


@command("run-batch", "run many processes from a file", _batch_options)
def _batch(given: Any) -> int:
    from llmos_nb.session.batch import run_file

    if given.workers < 0 or (given.dask and (given.processes or given.workers)):
        raise UsageError(
            "llmos run-batch: --workers is at least 1, and stands with --processes, not with --dask"
        )
    out = Path(given.out) if given.out else None
    return run_file(Path(given.file), out, dask=given.dask, workers=given.workers, apart=given.processes)


def _export_options(p: Parser) -> None:
    p.add_argument("journal")
    p.add_argument("notebook")
    p.add_argument("--clean", action="store_true", help="code only, no notes")
    p.add_argument("--trace", action="store_true", help="with plan, undone and rejected steps")
    p.add_argument(
        "--observe", action="store_true", help="run it twice and mark what differs by nature, such as times"
    )


@command("export", "write the plain notebook of a saved process", _export_options)
def _export(given: Any) -> int:
    from llmos_nb.session import Session

    process = Session(None).replay(given.journal)
    say(
        f"written: {process.export(given.notebook, clean=given.clean, trace=given.trace, observe=given.observe)}"
    )
    return 0


def _verify_options(p: Parser) -> None:
    p.add_argument("notebook")
    p.add_argument("--level", default="same twice", help="opens, untampered, runs, same, same twice")
    p.add_argument("--fresh", action="store_true", help="in a new environment made from the lock")
    p.add_argument("--json", action="store_true", help="print the report as JSON")
    p.add_argument("--trust", action="store_true", help="run a notebook that was not exported here")


@command("verify", "prove an exported notebook", _verify_options)
def _verify(given: Any) -> int:
    from llmos_nb.export.verify import verify

    trust = True if given.trust else None
    report = verify(Path(given.notebook), level=given.level, fresh=given.fresh, trust=trust)
    say(json.dumps(report.plain(), indent=1) if given.json else report.text())
    return int(report.exit_code)


def _log_options(p: Parser) -> None:
    p.add_argument("journal", nargs="?", default="", help="a file, the folder of a run, or a pid of the home")
    p.add_argument("--json", action="store_true", help="one JSON object a line")
    p.add_argument("--verify", action="store_true", help="only check the chain, and the payloads beside it")
    p.add_argument(
        "--decisions", action="store_true", help="who approved what, when, why, and what it was bound to"
    )
    p.add_argument(
        "--by", default="", metavar="WHO", help="only decisions of one: you, a name, mode, rule, plan"
    )
    p.add_argument("--all", action="store_true", help="over all runs of the home")
    p.add_argument("--home", default="", help="default: LLMOS_HOME, or .llmos here")
    p.add_argument("--spans", default="", metavar="FILE", help="write OpenTelemetry spans as JSON lines (OTLP)")


@command("log", "show or check a journal", _log_options)
def _log(given: Any) -> int:
    from llmos_nb.views import audit
    from llmos_nb.views import audit as logbook

    home = home_of(given.home)
    flags = {k: getattr(given, k) for k in ("verify", "decisions", "by", "json", "spans")}
    wanted = logbook.Wanted(**flags)
    if bool(given.journal) == given.all:
        raise UsageError("llmos log: the following arguments are required: journal, or --all")
    lines = (
        logbook.of_all(wanted, home) if given.all else logbook.of_one(wanted, audit.find(given.journal, home))
    )
    for line in lines:
        say(line)
    return 0


def _prune_options(p: Parser) -> None:
    p.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")
    p.add_argument("--home", default="", help="default: LLMOS_HOME, or .llmos here")
    for name, what in (("payload", "large results and images"), ("runs", "whole runs")):
        p.add_argument(f"--{name}-days", type=float, help=f"keep {what} so long after a run's end")
    p.add_argument("--keep", type=int, help="keep so many of the newest runs whole, however old")


@command("prune", "delete what is older than it may be kept", _prune_options)
def _prune(given: Any) -> int:
    from llmos_nb.session import prune

    say(prune.asked(home_of(given.home), vars(given), given.yes))
    return 0


def _model_options(p: Parser) -> None:
    p.add_argument("act", choices=["list", "pull"], help="what is there, or fetch")
    p.add_argument("name", nargs="?", default="", help="0.5b or 1.5b; default by free memory")


@command("model", "list or pull the local model's weights", _model_options)
def _model(given: Any) -> int:
    from llmos_nb.models.local import fetch
    from llmos_nb.models.local import weights as store

    if given.act == "list":
        store.print_models()
    else:
        say(f"ready: {fetch.pull_with_bar(given.name or store.choose())}")
    return 0


@command("doctor", "say what works here and what does not")
def _doctor(given: Any) -> int:
    from llmos_nb.app.doctor import report

    say(report(None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
