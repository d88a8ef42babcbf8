"""What the commands of `llmos` do; `app.verbs` names them. Each takes parsed arguments and returns an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llmos_nb.errors import UsageError
from llmos_nb.journal import home_of


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
    from llmos_nb.session import Session

    process = Session(None).replay(given.journal)
    how = {k: getattr(given, k) for k in ("clean", "trace", "observe")}
    print(f"written: {process.export(given.notebook, **how)}")
    return 0


def verify(given: Any) -> int:
    from llmos_nb.export.verify import verify

    trust = True if given.trust else None
    report = verify(Path(given.notebook), level=given.level, fresh=given.fresh, trust=trust)
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
