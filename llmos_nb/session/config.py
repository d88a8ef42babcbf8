"""Settings: the call, then `%config LLMOS`, then the environment, then `llmos.toml`.

Each is declared once, as a field of `Settings`. An organisation's `llmos.toml` (named by ``LLMOS_ORG_CONFIG``) can be
tightened by users, never loosened. The `llmos.toml` of a folder that nobody has trusted can only tighten.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmos_nb.errors import ConfigError, UsageError, nearest
from llmos_nb.journal import KEEP_ALL, Retention, home_of, parse_retention
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
    tighter,
)
from llmos_nb.process.scheduling import DEFAULT, Limits, checked
from llmos_nb.session.surface import Flag, Setting, declared, setting
from llmos_nb.session.tightening import (
    PLANNING,
    bounded,
    either,
    known_model,
    planned,
    smaller,
    stricter,
    tightening_labels,
    tightening_rules,
    tightening_tools,
    whole,
)
from llmos_nb.session.toml_tables import GONE, SHARED, read_budget, read_own_prompts, read_prices, read_rules
from llmos_nb.tools.devices.child import ANY, Confinement, parse_confinement, parse_untrusted

if TYPE_CHECKING:
    from llmos_nb.process import Values


DELEGATE = ("ask", "allow")

# What settings need beside their declaration: reading, checking, joining two files, holding to the organisation's.


def _check_own_prompts(own: Mapping[str, Any]) -> None:
    if own:
        from llmos_nb.process.state import texts  # as above

        texts.checked(own)


def _check_plan(plan: str) -> None:
    if plan not in PLANNING and not plan.isidentifier():
        raise UsageError(f"plan {plan!r}: must be auto, only, none or the name of a variable with steps")


def _check_images(how: Any) -> None:
    if how not in ("auto", "yes", "no"):
        raise UsageError(f"images {how!r}: must be auto, yes or no (in llmos.toml: true or false)")


def _check_timeout(seconds: Any) -> None:
    if not seconds > 0:
        raise UsageError(f"call_timeout {seconds!r}: must be more than 0 seconds")


def _check_patience(seconds: Any) -> None:
    if not seconds >= 0:
        raise UsageError(f"patience {seconds!r}: must be 0 seconds or more")


def _check_stored(size: Any) -> None:
    if not size >= 0:
        raise UsageError(f"stored_value_mb, stored_run_mb {size!r}: must be 0 MB or more")


def _check_labels(labels: Mapping[str, Any]) -> None:
    for name, label in labels.items():
        parse_label(str(label), f"labels.{name}")


def check_acts(acts: Any) -> None:
    """Refuse acts that are no list of texts."""
    if not isinstance(acts, list | tuple) or not all(isinstance(a, str) and a.strip() for a in acts):
        raise UsageError(f"acts {acts!r:.80}: must be a list of expressions, such as pay(to='X', amount=5)")


def _check_delegate(how: str) -> None:
    if how not in DELEGATE:
        raise UsageError(f"delegate {how!r}: must be {' or '.join(DELEGATE)}")


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
        "", "openai/NAME, anthropic/NAME, gemini/NAME, ollama/NAME, URL#NAME, local[/NAME], acp:COMMAND, script:FILE, "
        "replay:FILE",
        flag=Flag("-m", "--model", metavar="SPEC"), config=True, environ=True, toml="model.name", alone=known_model,
    )
    base_url: str = setting("", "an OpenAI-compatible endpoint", config=True, toml="model.base_url")
    images: str = setting(
        "auto", "whether the model takes images: yes, no, or auto for what is known of its name", config=True,
        toml="model.images", check=_check_images,
    )
    patience: float = setting(
        0.0, "seconds of silence of the model after which an attempt fails; 0 for what is known of it (thinking: 600)",
        config=True, environ=True, toml="model.patience", unit="seconds", check=_check_patience,
        alone=whole,
    )
    approve: Mode = setting(
        "risky", "who decides: " + ", ".join(MODES), flag=Flag("-a", "--approve", metavar="MODE"),
        config=True, environ=True, toml="approve", check=parse_mode, hold=stricter,
        alone=lambda mode: stricter(mode, "risky"),
    )
    plan: str = setting(
        "auto", ", ".join(PLANNING) + ", or the name of a variable with steps", flag=Flag("--plan", metavar="HOW"),
        config=True, environ=True, toml="plan", check=_check_plan,
        alone=planned,
    )
    budget: str = setting(
        budgets.DEFAULT, "as in '20 steps, 50k tokens, $0.50, 3 min'", flag=Flag("-b", "--budget", metavar="AMOUNTS"),
        config=True, environ=True, toml="budget", read=read_budget, check=budgets.parse, hold=smaller,
        alone=bounded,
    )
    context: str = setting(
        "", "tokens that the model takes, as in 60k; empty for what is known of it",
        flag=Flag("--context", metavar="TOKENS"), config=True, environ=True, toml="context",
        read=lambda value, _: str(value), check=parse_context, alone=whole,
    )
    call_timeout: float = setting(
        120.0, "seconds a call may take", config=True, environ=True, toml="call_timeout", unit="seconds",
        check=_check_timeout, alone=whole,
    )
    show_values: bool = setting(
        True, "describe variables with their values, but those that are private",
        flag=Flag("--show-values", action="store_true"), config=True, environ=True, toml="show_values",
    )
    home: str = setting("", "folder of the journals; empty for .llmos beside the notebook", config=True, environ=True)
    rules: tuple[Rule, ...] = setting(
        (), "what is allowed, asked and refused, in order; the organisation's come first", toml="policy.rules",
        read=read_rules, join=lambda own, org: (*org, *own), alone=tightening_rules,
    )
    tools: dict[str, dict[str, Any]] = setting(
        {}, "manifest: what a tool (or a glob) does, in the decorator's keys", toml="tools", join=_manifests,
        alone=tightening_tools,
    )
    acts: tuple[str, ...] = setting(
        (), "a call that it may make outside, as an expression; again for each: nothing else goes out unasked",
        flag=Flag("--acts", action="append", metavar="EXPR"), toml="commit.acts", check=check_acts,
    )
    delegate: str = setting(
        "ask", "what its plan commits to, and others choose to whom or how much: " + ", ".join(DELEGATE),
        toml="commit.delegate", check=_check_delegate, hold=lambda own, org: "ask" if "ask" in (own, org) else own,
    )
    prices: dict[str, tuple[float, float]] = setting(
        {}, "of a model: $ a million prompt tokens, $ a million answer tokens", toml="prices", read=read_prices,
    )
    labels: dict[str, str] = setting(
        {}, "label by name of a variable", toml="labels", check=_check_labels, alone=tightening_labels,
    )
    quarantine: bool = setting(
        False, "show what others may have written by handle, and have it read by a call that has no tools",
        config=True, toml="labels.quarantine", hold=either, alone=whole,
    )
    untrusted: str = setting(
        "ask", "its Python after it read untrusted data: ask, child", flag=Flag("--untrusted", metavar="HOW"),
        config=True, environ=True, toml="labels.python", check=lambda how: parse_untrusted(how, "untrusted"),
        hold=lambda _, org: org, alone=whole,
    )
    child: Confinement = setting(
        ANY, "how child processes are held", toml="child", read=parse_confinement, hold=Confinement.within,
    )
    other_approver: bool = setting(
        False, "whoever started a process may not approve what it asks", toml="other_approver", hold=either,
        alone=whole,
    )
    approval: Approval = setting(
        ANYBODY, "who may approve, until when a question waits, and what then", toml="approval",
        read=approval.parse, hold=tighter,
    )
    scheduler: str = setting(
        DEFAULT, "who comes next: las, priority, fcfs or rr", config=True, environ=True, toml="scheduler.policy",
        check=lambda name: checked(Limits(policy=name)), alone=whole,
    )
    slots: int = setting(
        0, "requests that a model's endpoint gets at once; 0 for its own number", config=True, environ=True,
        toml="model.slots", unit="requests at once", check=lambda n: checked(Limits(slots=n)), alone=whole,
    )
    requests_per_minute: float = setting(
        0.0, "requests that an endpoint gets in a minute; 0 for any number", config=True, environ=True,
        toml="model.requests_per_minute", unit="requests a minute", check=lambda n: checked(Limits(per_minute=n)),
        alone=whole,
    )
    mcp: dict[str, dict[str, Any]] = setting(
        {}, "MCP servers by name: command and env, or url and headers", toml="mcp", join=_under
    )
    retention: Retention = setting(
        KEEP_ALL, "how long payloads and whole runs are kept", toml="retention", read=parse_retention,
        hold=Retention.within,
    )
    stored_value_mb: float = setting(
        16.0, "MB that the value of a variable may take beside the journal, so that resume reads it; 0 stores none",
        config=True, environ=True, toml="stored_value_mb", unit="MB", check=_check_stored, hold=min,
        alone=lambda mb: min(mb, 16.0),
    )
    stored_run_mb: float = setting(
        64.0, "MB that all stored values of a process may take", config=True, environ=True, toml="stored_run_mb",
        unit="MB", check=_check_stored, hold=min, alone=lambda mb: min(mb, 64.0),
    )
    record: bool = setting(
        True, "record the notebook's own cells as they run, so that exports hold them", config=True, environ=True,
        toml="record", hold=either,
    )
    prompts: dict[str, str] = setting(
        {}, "texts for the model in the place of ours, by name, and `folder` of files NAME.txt; see `llmos prompt`",
        toml="prompts", read=read_own_prompts, check=_check_own_prompts,
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


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of one `llmos.toml`, and its tables as they stand; a file that is not there says nothing."""
    if not path.exists():
        return {}, {}
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    for key in raw:
        if key in GONE:
            raise ConfigError(f"{path}: {key} is not read any more; {GONE[key]}")
        if key not in TABLES:
            raise ConfigError(f"{path}: unknown key {key!r}{nearest(key, TABLES)}")
    found: dict[str, Any] = {}
    # in our order: what two tables say is for the later one to say
    for key in filter(raw.__contains__, TABLES):
        try:
            if key in SHARED:
                found |= SHARED[key](raw[key], str(path))
            else:
                read = SETTINGS[key].read
                found[key] = read(raw[key], f"{path}: [{key}]") if read else raw[key]
        except (TypeError, ValueError, AttributeError, LookupError) as error:
            raise ConfigError(f"{path}: [{key}] is not as it must be ({error})") from error
    return found, raw


def looser(path: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return all settings of a folder's file, what holds of them where nobody trusts it, and the tables of the rest."""
    own, raw = _read(path)
    try:
        kept = {n: _alone(SETTINGS[n], value) for n, value in own.items()}
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        raise ConfigError(f"{path} is not as it must be ({error})") from error
    loose = [SETTINGS[n].toml.partition(".")[0] for n, v in own.items() if v not in (kept[n], SETTINGS[n].default)]
    return own, kept, {table: raw[table] for table in loose}


def _of_folder(path: Path, configured: Mapping[str, Any] | None) -> dict[str, Any]:
    own, kept, tables = looser(path)
    if not tables:
        return own
    from llmos_nb.session import trust  # few folders need it

    if trust.trusted(path.parent, tables):
        return own
    names = [SETTINGS[n].toml for n in own if own[n] != kept[n]]
    trust.tell(path.parent, home_of(None, configured), names, tables)
    return kept


def _alone(s: Setting, value: Any) -> Any:
    if s.check:
        s.check(value)
    return s.default if s.alone is None else s.alone(value)


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
    org = _read(Path(environ["LLMOS_ORG_CONFIG"]))[0] if environ.get("LLMOS_ORG_CONFIG") else {}
    own = _of_folder((folder or Path.cwd()) / "llmos.toml", configured)
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
