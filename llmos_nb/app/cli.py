"""The `llmos` command: parse, call, show. A handler a verb; each imports what it needs, so that `--help` is quick."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from llmos_nb.app import proof
from llmos_nb.app.options import Parser, find, offered
from llmos_nb.errors import LlmosError, UsageError
from llmos_nb.journal import home_of
from llmos_nb.policy.secrets import redact


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
        raise UsageError(
            "llmos run-batch: --workers is at least 1, and stands with --processes, not with --dask"
        )
    out = Path(given.out) if given.out else None
    return run_file(Path(given.file), out, dask=given.dask, workers=given.workers, apart=given.processes)


def export(given: Any) -> int:
    from llmos_nb.session import Session, exporting

    if not (target := given.to or given.notebook):
        raise UsageError("llmos export: --to FILE is required: x.ipynb, x.py, or methods.md")
    session = Session(None)
    processes = exporting.saved_processes(session, Path(given.journal), given.of)
    how = {**proof.exporting(vars(given)), "observe": given.observe}
    saved = exporting.save(session, processes, Path(target), **how)
    print(saved.unproved if given.no_run else exporting.beside(saved.prove))
    return 0


def verify(given: Any) -> int:
    from llmos_nb.export.verify import verify

    report = verify(Path(given.notebook), **proof.proving(vars(given)))
    print(json.dumps(report.plain(), indent=1) if given.json else report.text())
    return int(report.exit_code)


def log(given: Any) -> int:
    from llmos_nb.views import audit

    home = home_of(given.home)
    flags = {k: getattr(given, k) for k in ("verify", "decisions", "by", "json", "since", "spans")}
    wanted = audit.Wanted(**flags)
    if bool(given.journal) == given.all:
        raise UsageError("llmos log: the following arguments are required: journal, or --all")
    lines = audit.of_all(wanted, home) if given.all else audit.of_one(wanted, audit.find(given.journal, home))
    for line in lines:
        print(line)
    return 0


def ps(given: Any) -> int:
    from llmos_nb.app.listing import home_table, plain

    home = home_of(given.home)
    for line in plain(home, given.all) if given.json else home_table(home, given.all):
        print(line)
    return 0


def prune(given: Any) -> int:
    from llmos_nb.session import prune

    print(prune.asked(home_of(given.home), vars(given), given.yes))
    return 0


def model(given: Any) -> int:
    from llmos_nb.models.local import fetch, weights as store

    if given.act == "list":
        store.print_models()
    else:
        print(f"ready: {fetch.pull_with_bar(given.name or store.choose())}")
    return 0


def doctor(given: Any) -> int:
    from llmos_nb.app.doctor import report

    print(report(None))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; an error is one line on standard error and exit code 2."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if not words or words[0] in ("-h", "--help", "help"):
            print(usage())
            return 0
        parser = parser_of(words[0])
        if "--help" in words or "-h" in words:
            print(parser.format_help())
            return 0
        return int(resolve_name(find(words[0], "llmos").run)(parser.read(words[1:])))
    except LlmosError as error:
        print(redact(f"{type(error).__name__}: {error}"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def parser_of(name: str) -> Parser:
    """Return the parser of one command."""
    form = find(name, "llmos")
    parser = Parser(f"llmos {name}", description=form.help)
    for flag in form.flags:
        parser.add_argument(*flag.names, **flag.how)
    return parser


def usage() -> str:
    """Return the help of the whole command."""
    found = ((v.name, (v.llmos and v.llmos.help) or v.help) for v in offered("llmos"))
    rows = [f"  llmos {name}".ljust(18) + text for name, text in found]
    return "A Jupyter kernel as an operating system for language-model agents.\n" + "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
