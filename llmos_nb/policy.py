"""Who may do what: modes, rules, envelopes, and the decision they give. Pure.

A rule `deny` refuses in every mode, a rule `allow` lets through in every mode, a rule `ask` asks in every mode but
`never`. Where no rule speaks, the mode does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from llmos_nb.chain import canonical
from llmos_nb.errors import UsageError, nearest
from llmos_nb.labels import TRUSTED, Label
from llmos_nb.rules import Rule, Verdict, parse_rule

OUTWARD = frozenset(("network", "process", "exec"))
MODES = ("risky", "plan", "step", "auto", "never")
Mode = Literal["risky", "plan", "step", "auto", "never"]
__all__ = [
    "MODES", "OUTWARD", "Act", "Decision", "Mode", "Rule", "Verdict", "call_digest", "envelope", "in_advance", "judge",
    "judge_plan", "parse_mode", "parse_rule",
]  # fmt: skip
LEAK = "The process has read both secret and untrusted data; with nobody asked, nothing leaves from here."


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one call or plan.

    Parameters
    ----------
    what : {"allow", "ask", "deny"}
        The verdict.
    by : str
        What decided: ``mode:risky``, ``rule:2``, ``plan:1``.
    why : str
        One sentence for a person (or the model, on `deny`).
    """

    what: Verdict
    by: str
    why: str = ""


def parse_mode(text: str, what: str = "--approve") -> Mode:
    """Read an approval mode, or say which there are."""
    if text not in MODES:
        raise UsageError(f"{what} {text!r}: unknown mode ({', '.join(MODES)}){nearest(text, MODES)}")
    return text  # type: ignore[return-value]  # the check above is the proof


@dataclass(frozen=True, slots=True)
class Act:
    """What is known of a call before it runs.

    Parameters
    ----------
    tool : str
        Exact name.
    arguments : mapping
        Validated arguments.
    level : {"read", "namespace", "risky"}
        What this very call would do.
    reasons : tuple of str
        Why it is risky, one sentence each.
    step : int
        Number of the plan's step it belongs to.
    label : Label
        Of the context that proposes it.
    outward : bool
        It acts outside the namespace.
    vouched : bool
        What of it carries authority comes from the user's words, or nothing untrusted was read.
    stands : bool, optional
        The user's own words cover the whole call, where somebody has said what its arguments mean.
    kinds : frozenset of str
        Kinds of its risks.
    """

    tool: str
    arguments: Mapping[str, Any]
    level: str
    reasons: tuple[str, ...] = ()
    step: int = 0
    label: Label = TRUSTED
    outward: bool = False
    vouched: bool = True
    stands: bool | None = None
    kinds: frozenset[str] = frozenset()

    @property
    def risky(self) -> bool:
        """Whether a person may want to see it first; in an untrusted context that is all that changes something."""
        return self.level == "risky" or (self.label.untrusted and self.level != "read")


def judge(
    act: Act,
    mode: Mode,
    rules: Sequence[Rule],
    used: Mapping[int, int],
    envelope: Mapping[str, int],
    spent: Mapping[str, int],
    at: str,
) -> Decision:
    """Decide on one call.

    Parameters
    ----------
    act : Act
        The call.
    mode : str
        One of `MODES`.
    rules : sequence of Rule
        In order; the first that matches speaks.
    used : mapping
        How often each rule (by index) has let a call through.
    envelope, spent : mapping
        Calls by tool name that the approved plan grants, and how many of them were used.
    at : str
        The time, ISO 8601.
    """
    for i, rule in enumerate(rules):
        if rule.matches(act, at, used.get(i, 0)):
            return _by_rule(i, rule, mode)
    if mode == "auto" and act.outward and act.label.untrusted and act.label.secret:
        return Decision("deny", "label", LEAK)
    if act.stands and mode != "step":
        return Decision("allow", "words", "Your own words say so.")
    return _by_mode(act, mode, envelope, spent)


def _by_mode(act: Act, mode: Mode, envelope: Mapping[str, int], spent: Mapping[str, int]) -> Decision:
    """Let the mode decide; what the user's words were to cover, and do not, asks in each after an untrusted read."""
    unheard = act.stands is False and act.label.untrusted and act.outward
    if (mode == "auto" and not unheard) or (mode != "step" and not act.risky):
        return Decision("allow", f"mode:{mode}")
    if mode == "plan" and act.vouched and spent.get(act.tool, 0) < envelope.get(act.tool, 0):
        return Decision("allow", "plan", "The approved plan covers it.")
    why = " ".join(act.reasons) or f"It asks because {act.tool} acts outside the namespace."
    if mode == "never":
        return Decision("deny", "mode:never", f"This needs a person and nobody may be asked. {why}")
    always = "It asks because every step is asked for in this mode."
    return Decision("ask", f"mode:{mode}", why if act.risky else always)


def _by_rule(index: int, rule: Rule, mode: Mode) -> Decision:
    by = f"rule:{index + 1}"
    if rule.do == "ask" and mode == "never":
        return Decision("deny", by, f"A rule asks for {rule.tool}, and nobody may be asked.")
    why = {"ask": f"It asks because a rule asks for {rule.tool}.", "deny": f"A rule denies {rule.tool}."}
    return Decision(rule.do, by, why.get(rule.do, ""))


def in_advance(tool: str, kinds: Iterable[str]) -> bool:
    """Whether calls to come that bear only these kinds of risk may be approved now: never what goes out."""
    found = set(kinds)
    return bool(found) and not found & (OUTWARD if tool == "python" else OUTWARD | {"external"})


def judge_plan(steps: int, mode: Mode) -> Decision:
    """Decide on a plan of so many steps."""
    if mode in ("auto", "never") or (mode == "risky" and steps <= 1):
        return Decision("allow", f"mode:{mode}")
    return Decision("ask", f"mode:{mode}", f"It asks because a plan of {steps} steps is to be approved first.")


def envelope(steps: Iterable[Mapping[str, Any]], tools: Iterable[str]) -> dict[str, int]:
    """Say what approving these steps grants: calls by tool name.

    A step grants one call of each tool that it names (in `tools`, or word for word in its title or expectation);
    a step that names none grants one call of `python`.
    """
    known = list(tools)
    granted: dict[str, int] = {}
    for step in steps:
        words = f" {step.get('title', '')} {step.get('expect', '')} ".replace("`", " ").replace("(", " ")
        named = set(step.get("tools") or ()) | {
            t for t in known if f" {t} " in words and ("_" in t or t == "python")
        }
        for tool in sorted(named & set(known)) or ["python"]:
            granted[tool] = granted.get(tool, 0) + 1
    return granted


def call_digest(call: str, tool: str, tool_digest: str, arguments: object, versions: Mapping[str, str]) -> str:
    """Bind an approval to exactly this call, tool, source, arguments and versions of the names it reads."""
    return sha256(canonical([call, tool, tool_digest, arguments, dict(versions)]).encode()).hexdigest()
