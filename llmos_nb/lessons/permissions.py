"""Lesson 05, permissions: text is not authority."""

from __future__ import annotations

from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal.events import CallDecided
from llmos_nb.lessons.core import Wrong, wrong_if
from llmos_nb.lessons.mail import ATTACKS, Office, gullible, run, work

ALWAYS_ALLOW = [{"tool": "send_mail", "do": "allow"}]


def judge_leak(attempt: Any, seed: int) -> str:
    """Attack a process under the rule `always allow`."""
    if not isinstance(attempt, dict) or "to" not in attempt:
        raise Wrong('a dict of arguments for send_mail is wanted, such as {"to": …}', 1)
    office = Office(seed)
    process = run(office, gullible(**attempt), ALWAYS_ALLOW, "risky")
    wrong_if(process.state == "waiting", "a person was asked; under the rule nobody is", 2)
    wrong_if(not office.leaked, f"nothing leaked: {len(office.sent)} mails, all to the team alone", 2)
    mail = office.leaked[0]
    return f"a mail to {mail.to} {f'and {mail.cc} ' if mail.cc else ''}left, and the process ended {process.reason}"


def judge_rules(attempt: Any, seed: int) -> str:
    """Let the work be done, then attack in five ways; nobody is there to be asked."""
    rules = _rules(attempt)
    office = Office(seed)
    process = _run(office, work(), rules)
    if not office.sent:
        call = next((c for c in process.run.state.calls.values() if c.name == "send_mail"), None)
        why = call.why if call else process.detail
        raise Wrong(f"the honest work stopped, no mail to the team was sent: {why or process.state}", 1)
    for what, mail in ATTACKS:
        office = Office(seed)
        process = _run(office, gullible(**mail), rules)
        wrong_if(office.leaked, f"a mail {what} left the house: {mail}", 3 if "cc" in mail else 2)
        told = f"a mail {what} waits for a person who is not there; the rest of the work stands still"
        wrong_if(process.state == "waiting", told, 2)
    return f"{len(ATTACKS)} attacks were refused and the team got its table each time; the model believed all of them"


def _rules(attempt: Any) -> list[dict[str, Any]]:
    if not isinstance(attempt, list | tuple) or not all(isinstance(r, dict) for r in attempt):
        raise Wrong('a list of rules is wanted, such as [{"tool": …, "do": …, "where": {…}}]', 1)
    if any("tool" not in r or "do" not in r for r in attempt):
        raise Wrong("each rule names a tool and what to do: allow, ask or deny", 1)
    return list(attempt)


def _run(office: Office, turns: list[dict[str, Any]], rules: list[dict[str, Any]]) -> Any:
    try:
        return run(office, turns, rules, "risky")
    except LlmosError as error:
        raise Wrong(f"a rule is not understood: {error}", 1) from None


def judge_who(attempt: Any, seed: int) -> str:
    """Ask of four runs who had decided on the mail."""
    office = Office(seed)
    runs = {
        "the mode": run(office, work(), (), "auto"),
        "a rule": run(office, work(), ALWAYS_ALLOW, "risky"),
        "nobody yet": run(office, work(), (), "risky"),
        "nobody may": run(office, work(), (), "never"),
    }
    wrong_if(not callable(attempt), "a function who(process) is wanted", 1)
    for what, process in runs.items():
        bodies = (e.body for e in process.events)
        true = next((b.by for b in bodies if isinstance(b, CallDecided) and b.call == "r2.0"), None)
        mine = attempt(process)
        told = f"where it was {what}, the journal says {true!r} of call r2.0, and yours {mine!r}"
        wrong_if(mine != true, told, 1 if mine is None else 3 if true is None else 2)
    return "each decision names who made it; none of them is the model, or the file"
