"""Settings: the call, then `%config LLMOS`, then the environment, then `llmos.toml`.

Each is declared once, as a field of `Settings`. An organisation's `llmos.toml` (named by ``LLMOS_ORG_CONFIG``) can be
tightened by users, never loosened.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.journal import KEEP_ALL, Retention, parse_retention
from llmos_nb.models import parse_context
from llmos_nb.policy import (
    MODES,
    NONE as ANYBODY,
    Approval,
    Mode,
    Rule,
    approval,
    budget as budgets,
    parse as parse_label,
    parse_mode,
    parse_rule,
    tighter,
)
from llmos_nb.policy.authority import parse_shelf
from llmos_nb.process.scheduling import DEFAULT, Limits, checked, read_limits
from llmos_nb.session.surface import Flag, Setting, declared, setting
from llmos_nb.tools.devices.child import ANY, UNTRUSTED, Confinement, parse_confinement, parse_untrusted

if TYPE_CHECKING:
    from llmos_nb.process import Values

STRICTEST = ("auto", "risky", "plan", "step", "never")
PLANNING = ("auto", "only", "none")
assert set(STRICTEST) == set(MODES)  # noqa: S101 - a new mode must be given its place


# What settings need beside their declaration: reading, checking, joining two files, holding to the organisation's.


def _read_budget(value: Any, _: str) -> str:
    if isinstance(value, str):
        return value
    return ", ".join(f"${v}" if k == "$" else f"{v} {k}" for k, v in value.items())


def _read_rules(rules: Any, where: str) -> tuple[Rule, ...]:
    return tuple(parse_rule(r, f"{where}: policy.rules[{i}]") for i, r in enumerate(rules))


def _read_prices(table: Any, _: str) -> dict[str, tuple[float, float]]:
    return {k: (float(v[0]), float(v[1])) for k, v in table.items()}


def _check_plan(plan: str) -> None:
    if plan not in PLANNING and not plan.isidentifier():
        raise UsageError(f"plan {plan!r}: must be auto, only, none or the name of a variable with steps")


def _check_timeout(seconds: Any) -> None:
    if not seconds > 0:
        raise UsageError(f"call_timeout {seconds!r}: must be more than 0 seconds")


def _check_stored(size: Any) -> None:
    if not size >= 0:
        raise UsageError(f"stored_value_mb, stored_run_mb {size!r}: must be 0 MB or more")


def _check_labels(labels: Mapping[str, Any]) -> None:
    for name, label in labels.items():
        parse_label(str(label), f"labels.{name}")


def _check_books(books: Mapping[str, Any]) -> None:
    for kind, book in books.items():
        parse_shelf(kind, book)


def _stricter(mine: Mode, org: Mode) -> Mode:
    return max(mine, org, key=STRICTEST.index)


def _smaller(mine: str, org: str) -> str:
    limits = budgets.parse(mine).limits
    top = budgets.parse(org).limits
    return str(budgets.Budget({**limits, **{u: min(v, limits.get(u, v)) for u, v in top.items()}}))


def _either(mine: bool, org: Any) -> bool:
    return mine or bool(org)


def _under(own: Mapping[str, Any], org: Mapping[str, Any]) -> dict[str, Any]:
    return {**own, **org}


def _manifests(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Join two manifests: what a glob of theirs says of a tool holds for one that ours names, too."""
    if not ours:
        return dict(theirs)
    from llmos_nb.tools import said_of  # slow to load, and few have a manifest

    return {**{n: {**t, **said_of(n, theirs)} for n, t in ours.items()}, **theirs}


# fmt: off
@dataclass(frozen=True)
class Settings:
    """What a process is started with where the call does not say; each field declares its `Setting`."""

    model: str = setting(
        "", "openai/NAME, ollama/NAME, URL#NAME, local[/NAME], script:FILE, replay:FILE",
        flag=Flag("-m", "--model", metavar="SPEC"), config=True, environ=True, toml="model.name",
    )
    base_url: str = setting("", "an OpenAI-compatible endpoint", config=True, toml="model.base_url")
    approve: Mode = setting(
        "risky", "who decides: " + ", ".join(MODES), flag=Flag("-a", "--approve", metavar="MODE"),
        config=True, environ=True, toml="approve", check=parse_mode, hold=_stricter,
    )
    plan: str = setting(
        "auto", ", ".join(PLANNING) + ", or the name of a variable with steps", flag=Flag("--plan", metavar="HOW"),
        config=True, environ=True, toml="plan", check=_check_plan,
    )
    budget: str = setting(
        budgets.DEFAULT, "as in '20 steps, 50k tokens, $0.50, 3 min'", flag=Flag("-b", "--budget", metavar="AMOUNTS"),
        config=True, environ=True, toml="budget", read=_read_budget, check=budgets.parse, hold=_smaller,
    )
    context: str = setting(
        "", "tokens that the model takes, as in 60k; empty for what is known of it",
        flag=Flag("--context", metavar="TOKENS"), config=True, environ=True, toml="context",
        read=lambda value, _: str(value), check=parse_context,
    )
    call_timeout: float = setting(
        120.0, "seconds a call may take", config=True, environ=True, toml="call_timeout", unit="seconds",
        check=_check_timeout,
    )
    show_values: bool = setting(
        False, "describe variables with their values, to any model", flag=Flag("--show-values", action="store_true"),
        config=True, environ=True, toml="show_values",
    )
    home: str = setting("", "folder of the journals; empty for .llmos beside the notebook", config=True, environ=True)
    rules: tuple[Rule, ...] = setting(
        (), "what is allowed, asked and refused, in order; the organisation's come first", toml="policy.rules",
        read=_read_rules, join=lambda own, org: (*org, *own),
    )
    tools: dict[str, dict[str, Any]] = setting(
        {}, "manifest: what a tool (or a glob) does, in the decorator's keys", toml="tools", join=_manifests,
    )
    books: dict[str, dict[str, Any]] = setting(
        {}, "where the gate looks a kind of record up", toml="books", check=_check_books, join=_under,
    )
    prices: dict[str, tuple[float, float]] = setting(
        {}, "of a model: $ a million prompt tokens, $ a million answer tokens", toml="prices", read=_read_prices,
    )
    labels: dict[str, str] = setting({}, "label by name of a variable", toml="labels", check=_check_labels)
    quarantine: bool = setting(
        False, "show what others may have written by handle, and have it read by a call that has no tools",
        config=True, toml="labels.quarantine", hold=_either,
    )
    untrusted: str = setting(
        "ask", "its Python after it read untrusted data: ask, child", flag=Flag("--untrusted", metavar="HOW"),
        config=True, environ=True, toml="labels.python", check=lambda how: parse_untrusted(how, "untrusted"),
        hold=lambda _, org: org,
    )
    child: Confinement = setting(
        ANY, "how child processes are held", toml="child", read=parse_confinement, hold=Confinement.within,
    )
    other_approver: bool = setting(
        False, "whoever started a process may not approve what it asks", toml="other_approver", hold=_either,
    )
    approval: Approval = setting(
        ANYBODY, "who may approve, until when a question waits, and what then", toml="approval",
        read=approval.parse, hold=tighter,
    )
    scheduler: str = setting(
        DEFAULT, "who comes next: las, priority, fcfs or rr", config=True, environ=True, toml="scheduler.policy",
        check=lambda name: checked(Limits(policy=name)),
    )
    slots: int = setting(
        0, "requests that a model's endpoint gets at once; 0 for its own number", config=True, environ=True,
        toml="model.slots", unit="requests at once", check=lambda n: checked(Limits(slots=n)),
    )
    requests_per_minute: float = setting(
        0.0, "requests that an endpoint gets in a minute; 0 for any number", config=True, environ=True,
        toml="model.requests_per_minute", unit="requests a minute", check=lambda n: checked(Limits(per_minute=n)),
    )
    mcp: dict[str, dict[str, Any]] = setting({}, "MCP servers by name: command and env", toml="mcp", join=_under)
    retention: Retention = setting(
        KEEP_ALL, "how long payloads and whole runs are kept", toml="retention", read=parse_retention,
        hold=Retention.within,
    )
    stored_value_mb: float = setting(
        16.0, "MB that the value of a variable may take beside the journal, so that resume reads it; 0 stores none",
        config=True, environ=True, toml="stored_value_mb", unit="MB", check=_check_stored, hold=min,
    )
    stored_run_mb: float = setting(
        64.0, "MB that all stored values of a process may take", config=True, environ=True, toml="stored_run_mb",
        unit="MB", check=_check_stored, hold=min,
    )
    record: bool = setting(
        True, "record the notebook's own cells as they run, so that exports hold them", config=True, environ=True,
        toml="record", hold=_either,
    )
    trace: bool = setting(
        False, "send spans to the OpenTelemetry collector of the environment", config=True, environ=True,
        toml="trace",
    )

    @property
    def values(self) -> Values:
        """What is stored of the values that a process makes."""
        from llmos_nb.process import MB, Values  # they bring the journal along, which is slow to import

        return Values(int(self.stored_value_mb * MB), int(self.stored_run_mb * MB))

    @property
    def limits(self) -> Limits:
        """What holds for the endpoint of the model."""
        return Limits(self.slots, self.scheduler, self.requests_per_minute)


# fmt: on
SETTINGS: dict[str, Setting] = declared(Settings.__dataclass_fields__)
TABLES = tuple(dict.fromkeys(s.toml.partition(".")[0] for s in SETTINGS.values() if s.toml))


def read_file(path: Path) -> dict[str, Any]:
    """Read one `llmos.toml`; a file that is not there says nothing."""
    if not path.exists():
        return {}
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for key in raw:
        if key not in TABLES:
            raise ConfigError(f"{path}: unknown key {key!r}{nearest(key, TABLES)}")
    found: dict[str, Any] = {}
    # in our order: what two tables say is for the later one to say
    for key in filter(raw.__contains__, TABLES):
        if key in _SHARED:
            found |= _SHARED[key](raw[key], str(path))
        else:
            read = SETTINGS[key].read
            found[key] = read(raw[key], f"{path}: [{key}]") if read else raw[key]
    return found


def _of_model(value: Any, path: str) -> dict[str, Any]:
    table = value if isinstance(value, dict) else {"name": value}
    found = {k: v for k, v in (("model", table.get("name")), ("base_url", table.get("base_url"))) if v}
    return found | read_limits(table, f"{path}: [model]", ("name", "base_url"))


def _of_scheduler(value: Any, path: str) -> dict[str, Any]:
    return read_limits(value if isinstance(value, dict) else {"policy": value}, f"{path}: [scheduler]")


def _of_labels(value: Any, _: str) -> dict[str, Any]:
    """Part the labels of variables from two settings that stand beside them, and are no labels."""
    table = dict(value)
    found: dict[str, Any] = {"labels": table}
    if isinstance(table.get("quarantine"), bool):
        found["quarantine"] = table.pop("quarantine")
    if table.get("python") in UNTRUSTED:
        found["untrusted"] = table.pop("python")
    return found


def _of_policy(value: Any, path: str) -> dict[str, Any]:
    return {"rules": _read_rules(value.get("rules", []), path)}


_SHARED: dict[str, Callable[[Any, str], dict[str, Any]]] = {
    "model": _of_model, "scheduler": _of_scheduler, "labels": _of_labels, "policy": _of_policy,
}  # fmt: skip
"""Keys of the file under which several settings stand, or whose value has a shape of its own."""


def load(
    given: Mapping[str, Any] | None = None,
    configured: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Merge the sources of settings; what was not given is None or missing.

    Raises
    ------
    UsageError
        Names the option or file and what it may hold.
    """
    environ = os.environ if environ is None else environ
    org = read_file(Path(environ["LLMOS_ORG_CONFIG"])) if environ.get("LLMOS_ORG_CONFIG") else {}
    own = read_file((folder or Path.cwd()) / "llmos.toml")
    merged = {**org, **own, **_environment(environ), **_present(configured), **_present(given)}
    for name, s in SETTINGS.items():
        if s.join:
            merged[name] = s.join(own.get(name, s.default), org.get(name, s.default))
    settings = Settings(**merged)
    for name, s in SETTINGS.items():
        if s.check:
            s.check(getattr(settings, name))
    holds = {n: s.hold for n, s in SETTINGS.items() if s.hold and n in org}
    return replace(settings, **{n: hold(getattr(settings, n), org[n]) for n, hold in holds.items()})


def _present(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what was set; an option that is not known is named with the nearest one."""
    given = {} if values is None else dict(values.items())
    for name in given:
        if name not in SETTINGS:
            raise UsageError(f"option {name!r}: unknown{nearest(name, SETTINGS)}")
    found = {k: v for k, v in given.items() if v is not None and v != ""}
    for name, value in found.items():
        _check_kind(SETTINGS[name], value)
    return found


def _check_kind(s: Setting, value: Any) -> None:
    """Refuse a value that is of another kind than the setting's default."""
    kinds = {bool: "True or False", str: "a text", float: "a number", int: "a number", dict: "a mapping"}
    kind = type(s.default)
    numbers = kind in (int, float)
    fits = isinstance(value, Real if numbers else kind) and not (numbers and isinstance(value, bool))
    if kind in kinds and not fits and s.name != "budget":  # that one may be amounts, too
        raise UsageError(f"{s.name} {value!r}: must be {kinds[kind]} ({s.help})")


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    set_there = {n: (s, environ.get(s.variable, "")) for n, s in SETTINGS.items() if s.environ}
    return {n: _typed(s, text) for n, (s, text) in set_there.items() if text}


def _typed(s: Setting, text: str) -> Any:
    """Return what a text of the environment means, by the type of the setting."""
    if s.unit:
        try:
            return float(text)
        except ValueError:
            raise ConfigError(f"{s.variable}={text!r}: must be a number of {s.unit}") from None
    return text.lower() in ("1", "true", "yes", "on") if isinstance(s.default, bool) else text
