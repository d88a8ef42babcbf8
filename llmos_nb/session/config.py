"""Settings: the call, then `%config LLMOS`, then the environment, then `llmos.toml`.

An organisation's `llmos.toml` (named by ``LLMOS_ORG_CONFIG``) can be tightened by users, never loosened.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.journal import KEEP_ALL, Retention, parse_retention
from llmos_nb.policy import MODES, Approval, Mode, Rule, approval, parse_mode, parse_rule, tighter
from llmos_nb.policy import NONE as ANYBODY
from llmos_nb.policy import budget as budgets
from llmos_nb.policy import parse as parse_label
from llmos_nb.policy.authority import parse_shelf
from llmos_nb.process.scheduling import DEFAULT, Limits, checked, read_limits
from llmos_nb.tools.devices.child import ANY, UNTRUSTED, Confinement, parse_confinement, parse_untrusted

_PLAIN = (
    "approve", "plan", "call_timeout", "show_values", "grounded", "tools", "books", "labels", "other_approver",
    "mcp", "trace",
)  # fmt: skip
_PARSERS: dict[str, Callable[[Any, str], Any]] = {"approval": approval.parse, "retention": parse_retention}
TABLES = (*_PLAIN, "policy", "budget", "model", "prices", "scheduler", "retention", "child", "approval")


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
    found: dict[str, Any] = {k: raw[k] for k in _PLAIN if k in raw}
    if "model" in raw:
        model = raw["model"] if isinstance(raw["model"], dict) else {"name": raw["model"]}
        found |= {k: v for k, v in (("model", model.get("name")), ("base_url", model.get("base_url"))) if v}
        found |= read_limits(model, f"{path}: [model]", ("name", "base_url"))
    if "scheduler" in raw:
        table = raw["scheduler"] if isinstance(raw["scheduler"], dict) else {"policy": raw["scheduler"]}
        found |= read_limits(table, f"{path}: [scheduler]")
    if "budget" in raw:
        found["budget"] = raw["budget"] if isinstance(raw["budget"], str) else _budget_table(raw["budget"])
    if "prices" in raw:
        found["prices"] = {k: (float(v[0]), float(v[1])) for k, v in raw["prices"].items()}
    parsed = (n for n in _PARSERS if n in raw)
    found |= {n: _PARSERS[n](raw[n], f"{path}: [{n}]") for n in parsed}
    if "child" in raw:
        found["child"] = parse_confinement(raw["child"], f"{path}: [child]")
    if "labels" in found:
        found |= _of_labels(dict(found["labels"]))
    rules = raw.get("policy", {}).get("rules", [])
    found["rules"] = tuple(parse_rule(r, f"{path}: policy.rules[{i}]") for i, r in enumerate(rules))
    return found


def _of_labels(table: dict[str, Any]) -> dict[str, Any]:
    """Part the labels of variables from two settings that stand beside them, and are no labels."""
    found: dict[str, Any] = {"labels": table}
    if isinstance(table.get("quarantine"), bool):
        found["quarantine"] = table.pop("quarantine")
    if table.get("python") in UNTRUSTED:
        found["untrusted"] = table.pop("python")
    return found


def _budget_table(table: Mapping[str, Any]) -> str:
    return ", ".join(f"${v}" if k == "$" else f"{v} {k}" for k, v in table.items())


STRICTEST = ("auto", "risky", "plan", "step", "never")
PLANNING = ("auto", "only", "none")


@dataclass(frozen=True)
class Settings:
    """What a process is started with where the call does not say.

    Parameters
    ----------
    model, base_url : str
        Model spec and endpoint; empty for the default.
    approve : str
        Approval mode.
    plan : str
        ``auto``, ``only``, ``none`` or the name of a variable that holds a list of steps.
    budget : str
        As the user types it.
    call_timeout : float
        Deadline of one call, in seconds.
    show_values : bool
        Variables may be described with their values to a model that is not on this machine.
    grounded : bool
        Answers are checked for numbers that were never observed.
    home : str
        Folder of the journals; empty for ``.llmos`` beside the notebook.
    rules : tuple of Rule
        In order; the organisation's come first.
    tools : dict
        Manifest: tool name (or explicit glob) to the decorator's keys.
    books : dict
        Kind of record to where the gate looks it up (`authority.roles.Shelf`).
    prices : dict
        Model name to ($ a million prompt tokens, $ a million answer tokens).
    labels : dict
        Label by name of a variable, as in ``mail = "untrusted"``.
    quarantine : bool
        What others may have written is shown to the model by handle, and read by a call of it that has no tools.
    untrusted : str
        What becomes of Python after an untrusted read: ``ask``, or ``child`` to run it in a child process.
    child : Confinement
        How child processes are held.
    other_approver : bool
        Whoever started a process may not approve what it asks.
    approval : Approval
        Who may approve, until when a question waits, and what then.
    scheduler : str
        Who comes next where several wait for a model's endpoint or for the namespace: ``las, priority, fcfs, rr``.
    slots : int
        How many requests an endpoint gets at once; 0 for its own number.
    requests_per_minute : float
        How many requests an endpoint gets in a minute; 0 for any number.
    mcp : dict
        MCP servers by name: `command` and `env`.
    retention : Retention
        How long payloads and whole runs are kept.
    trace : bool
        Spans are sent to the OpenTelemetry collector that the environment names.
    """

    model: str = ""
    base_url: str = ""
    approve: Mode = "risky"
    plan: str = "auto"
    budget: str = budgets.DEFAULT
    call_timeout: float = 120.0
    show_values: bool = False
    grounded: bool = True
    home: str = ""
    rules: tuple[Rule, ...] = ()
    tools: dict[str, dict[str, Any]] = field(default_factory=dict)
    books: dict[str, dict[str, Any]] = field(default_factory=dict)
    prices: dict[str, tuple[float, float]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    quarantine: bool = False
    untrusted: str = "ask"
    child: Confinement = ANY
    other_approver: bool = False
    approval: Approval = ANYBODY
    scheduler: str = DEFAULT
    slots: int = 0
    requests_per_minute: float = 0.0
    mcp: dict[str, dict[str, Any]] = field(default_factory=dict)
    retention: Retention = KEEP_ALL
    trace: bool = False

    @property
    def limits(self) -> Limits:
        """What holds for the endpoint of the model."""
        return Limits(self.slots, self.scheduler, self.requests_per_minute)


_ENV = {
    "LLMOS_MODEL": "model", "LLMOS_APPROVE": "approve", "LLMOS_PLAN": "plan", "LLMOS_BUDGET": "budget",
    "LLMOS_CALL_TIMEOUT": "call_timeout", "LLMOS_SHOW_VALUES": "show_values", "LLMOS_HOME": "home",
    "LLMOS_SCHEDULER": "scheduler", "LLMOS_SLOTS": "slots", "LLMOS_REQUESTS_PER_MINUTE": "requests_per_minute",
    "LLMOS_TRACE": "trace", "LLMOS_UNTRUSTED": "untrusted",
}  # fmt: skip
_SWITCHES = ("show_values", "trace")
_NUMBERS = {"call_timeout": "seconds", "slots": "requests at once", "requests_per_minute": "requests a minute"}


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
    merged["rules"] = (*org.get("rules", ()), *own.get("rules", ()))
    for table in ("books", "mcp"):
        merged[table] = {**own.get(table, {}), **org.get(table, {})}
    merged["tools"] = _manifests(own.get("tools", {}), org.get("tools", {}))
    return _tightened(_checked(Settings(**merged)), org)


def _manifests(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Join two manifests: what a glob of theirs says of a tool holds for one that ours names, too."""
    if not ours:
        return dict(theirs)
    from llmos_nb.tools import said_of  # slow to load, and few have a manifest

    return {**{n: {**t, **said_of(n, theirs)} for n, t in ours.items()}, **theirs}


def _present(values: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what was set; an option that is not known is named with the nearest one."""
    known = [f.name for f in fields(Settings)]
    given = {} if values is None else dict(values.items())
    for name in given:
        if name not in known:
            raise UsageError(f"option {name!r}: unknown{nearest(name, known)}")
    return {k: v for k, v in given.items() if v is not None and v != ""}


def _environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, name in _ENV.items():
        if environ.get(variable):
            found[name] = _typed(name, environ[variable], variable)
    return found


def _typed(name: str, text: str, what: str) -> Any:
    if name in _NUMBERS:
        try:
            return float(text)
        except ValueError:
            raise ConfigError(f"{what}={text!r}: must be a number of {_NUMBERS[name]}") from None
    if name in _SWITCHES:
        return text.lower() in ("1", "true", "yes", "on")
    return text


def _checked(s: Settings) -> Settings:
    parse_mode(s.approve)
    parse_untrusted(s.untrusted, "--untrusted")
    budgets.parse(s.budget)
    for name, label in s.labels.items():
        parse_label(str(label), f"labels.{name}")
    for kind, book in s.books.items():
        parse_shelf(kind, book)
    if not float(s.call_timeout) > 0:
        raise UsageError(f"call_timeout {s.call_timeout!r}: must be more than 0 seconds")
    checked(s.limits)
    if s.plan not in PLANNING and not s.plan.isidentifier():
        raise UsageError(f"--plan {s.plan!r}: must be auto, only, none or the name of a variable with steps")
    return s


def _tightened(s: Settings, org: Mapping[str, Any]) -> Settings:
    """Hold to the organisation's file: a stricter mode, smaller bounds."""
    if "approve" in org and STRICTEST.index(s.approve) < STRICTEST.index(org["approve"]):
        s = replace(s, approve=org["approve"])
    s = replace(s, retention=s.retention.within(org.get("retention", KEEP_ALL)))
    s = replace(s, child=s.child.within(org.get("child", ANY)), untrusted=org.get("untrusted", s.untrusted))
    s = replace(s, quarantine=s.quarantine or bool(org.get("quarantine")))
    s = replace(s, other_approver=s.other_approver or bool(org.get("other_approver")))
    s = replace(s, approval=tighter(s.approval, org.get("approval", ANYBODY)))
    if "budget" in org:
        mine, top = budgets.parse(s.budget).limits, budgets.parse(org["budget"]).limits
        limits = {**mine, **{u: min(v, mine.get(u, v)) for u, v in top.items()}}
        s = replace(s, budget=str(budgets.Budget(limits)))
    return s


assert set(STRICTEST) == set(MODES)  # noqa: S101 - a new mode must be given its place
