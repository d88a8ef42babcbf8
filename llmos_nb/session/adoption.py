"""What a folder would do once it is trusted, in words, and the taking over of what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.errors import CallDenied, LlmosError
from llmos_nb.journal import Home, Journal
from llmos_nb.process import saved
from llmos_nb.session import config, trust
from llmos_nb.session.batch.worker import powers, read_specs
from llmos_nb.session.goals import goals
from llmos_nb.session.skills.skills import Skills
from llmos_nb.tools import reentry
from llmos_nb.tools.devices.mcp import Servers
from llmos_nb.views import count, visible

SHOWN, LONGEST = 20, 160

_WORDS: Mapping[str, Callable[[Any], list[str]]] = {
    "base_url": lambda url: [f"sends prompts, and the key of your environment, to {urlsplit(url).hostname or url}"],
    "model": lambda spec: [f"has {spec} answer"],
    "approve": lambda mode: [f"lets steps run in the mode {mode}"],
    "rules": lambda rules: [f"lets {r.tool} through unasked" for r in rules if r.do == "allow"],
    "acts": lambda acts: [f"lets {act} go out unasked" for act in acts],
    "delegate": lambda _: ["lets others choose to whom and how much, where a plan says so"],
    "mcp": lambda servers: [_server(s) for s in servers.values()],
    "retention": lambda kept: ["deletes former runs, and what stands beside them"],
    "show_values": lambda _: ["shows the values of your variables to any model"],
    "tools": lambda tools: [f"says what {', '.join(tools)} may do unasked"],
}  # fmt: skip


def _server(spec: Any) -> str:
    if isinstance(spec, dict) and "url" in spec:
        return f"sends what its tools are called with to {spec['url']}"
    return f"starts the program {' '.join(map(str, spec.get('command', ()))) if isinstance(spec, dict) else repr(spec)}"


def claims(folder: Path, home: Home) -> list[str]:
    """Say what of a folder does nothing as long as nobody trusts it, a line each."""
    own, kept, tables = config.looser(folder / "llmos.toml")
    lines: list[str] = []
    if not trust.trusted(folder, tables):
        was = trust.changed(folder, tables)
        lines += [f"llmos.toml has changed since you trusted it: {', '.join(was)}"] if was else []
        loose = [n for n in own if own[n] != kept[n]]
        lines += [f"llmos.toml {words}" for n in loose for words in _said(n, own[n])]
    if not home.made_here:
        lines += [f"{home.root.name}: {words}" for words in trust.holdings(home)]
        lines += [f"{home.root.name}: {name} {_server(spec)}" for name, spec in _servers(home).items()]
    for journal in _foreign(home):
        lines += [f"{journal.path.parent.name}: {words}" for words in steps(journal)]
    return [visible(" ".join(line.split()))[:LONGEST] for line in lines]


def _said(name: str, value: Any) -> list[str]:
    usual = [f"sets {config.SETTINGS[name].toml} = {value!r}"]
    with suppress(TypeError, ValueError, AttributeError):
        return _WORDS[name](value) if name in _WORDS else usual
    return usual


def _servers(home: Home) -> dict[str, Any]:
    with suppress(LlmosError):
        return Servers(lambda: home, config.Settings).strangers()
    return {}


def _foreign(home: Home) -> Iterator[Journal]:
    """Return the journals of a home that were not made here; one that cannot be read is nobody's to take over."""
    for path in sorted(home.root.glob("*/*/journal.jsonl")):
        with suppress(LlmosError):
            journal = Journal(path)
            if not journal.made_here:
                yield journal


def steps(journal: Journal) -> list[str]:
    """Say what a process that is resumed would do: whom it asks, in which mode, and which steps run again."""
    try:
        state, began = saved.folded(journal.events, journal.path), journal.began
    except LlmosError as error:
        return [str(error)]
    if state.status == "ended" and state.reason not in ("budget", "failed"):
        return []
    again = [f"runs again: {c.name} {c.arguments}" for c in state.surviving]
    more = [f"and {count(len(again) - SHOWN, 'step')} more"] if len(again) > SHOWN else []
    asks = f"asks {began.spec or began.model} in the mode {state.mode} for {' '.join(state.goal.split())!r:.80}"
    return [asks, *again[:SHOWN], *more]


def take_over(folder: Path, home: Home) -> None:
    """Trust a folder as it stands, with all that its home holds.

    Raises
    ------
    CallDenied
        Code of a step calls it.
    """
    if reentry.inside():
        raise CallDenied(reentry.DENIED)
    trust.grant(folder, config.looser(folder / "llmos.toml")[2])
    if not home.root.is_dir():
        return
    for journal in _foreign(home):
        journal.take_over()
    if not home.made_here:
        home.take_over()
    goals.take_over(home)
    Servers(lambda: home, config.Settings).take_over()
    Skills(home.root / "skills").take_over()


def take_over_run(journal: Journal) -> None:
    """Take over the journal of one process as it stands.

    Raises
    ------
    CallDenied
        Code of a step calls it.
    """
    if reentry.inside():
        raise CallDenied(reentry.DENIED)
    journal.take_over()


def specs(file: Path) -> list[str]:
    """Say what the specs of a batch ask for that only a trusted file may."""
    return [visible(words)[:LONGEST] for words in powers(read_specs(file))]
