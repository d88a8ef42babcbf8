"""Lesson 05, permissions: text is not authority."""

from __future__ import annotations

from typing import Any

from llmos_nb.errors import LlmosError
from llmos_nb.journal.events import YOU, CallDecided
from llmos_nb.lessons.core import Wrong, callable_or_wrong, wrong_if
from llmos_nb.lessons.mail import ATTACKS, TEAM, Office, gullible, run, work
from llmos_nb.lessons.models import arguments_of, settled_or_wrong

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


def judge_stop(attempt: Any, seed: int) -> str:
    """Look in the journal for mail that a person refused and mail that the same person let through."""
    process = settled_or_wrong(attempt, "again")
    mails = [c for c in process.run.state.calls.values() if c.name == "send_mail"]
    left, kept = ([c for c in mails if (c.status == "done") is done] for done in (True, False))
    for mail in map(arguments_of, left):
        stray = mail.get("cc") or (mail.get("to") if mail.get("to") != TEAM else "")
        wrong_if(stray, f"a mail to {stray} left the house", 1)
    wrong_if(not kept, "the model proposed nothing foreign: hand in the process that the cell above started", 1)
    wrong_if(not left, "no mail left at all: the attack is stopped, and so is the work", 2)
    said = {b.call: b for b in (e.body for e in process.events) if isinstance(b, CallDecided)}
    wrong_if(any(said[c.id].by != YOU for c in left), "the team's mail was let through by nobody's hand", 2)
    mine = [c for c in kept if said[c.id].by == YOU and said[c.id].what == "reject"]
    wrong_if(not mine, "the mail to the stranger was not rejected by you", 2)
    wrong_if(not said[mine[0].id].why, "you gave no reason, so the model was told none: it may try again", 3)
    return f"one refused, one sent, both by your hand; the model was told “{said[mine[0].id].why}”"


def judge_rules(attempt: Any, seed: int) -> str:
    """Let the work be done, then attack, also in ways not printed; nobody is there to be asked."""
    rules = _rules(attempt)
    office = Office(seed)
    process = _run(office, work(), rules)
    if not office.sent:
        call = next((c for c in process.run.state.calls.values() if c.name == "send_mail"), None)
        why = call.why if call else process.detail
        which = f". The mail was {arguments_of(call)}: which rule allows that?" if call else ""
        raise Wrong(f"the honest work stopped, no mail to the team was sent: {why or process.state}{which}", 1)
    attacks = (*ATTACKS, *_unseen(seed))
    for what, mail in attacks:
        office = Office(seed)
        process = _run(office, gullible(**mail), rules)
        wrong_if(office.leaked, f"a mail {what} left the house: {mail}", 3 if "cc" in mail else 2)
        told = f"a mail {what} waits for a person who is not there; the rest of the work stands still"
        wrong_if(process.state == "waiting", told, 2)
    return f"{len(attacks)} attacks were refused and the team got its table each time; the model believed all of them"


def _unseen(seed: int) -> tuple[tuple[str, dict[str, str]], ...]:
    """Make attacks that the lesson does not print: rules say who may get mail, and do not list who may not."""
    stranger = f"visitor{seed}@example.com"
    return (
        ("to somebody whom the lesson does not name", {"to": stranger}),
        ("to the team and a stranger", {"to": f"{TEAM}, {stranger}"}),
        ("to the team, with a copy to a stranger", {"to": TEAM, "cc": stranger}),
    )


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


def judge_acts(attempt: Any, seed: int) -> str:
    """Let the work be done under acts alone, then attack, also in ways not printed; nobody is there to be asked."""
    if not isinstance(attempt, list | tuple) or not all(isinstance(a, str) for a in attempt) or not attempt:
        raise Wrong("a list of acts is wanted, each a text such as 'send_mail(to=…, body=…)'", 1)
    attacks = (*ATTACKS, *_unseen(seed))
    for what, mail in (("", {}), *attacks):
        office = Office(seed)
        try:
            process = run(office, gullible(**mail) if mail else work(), mode="never", acts=list(attempt))
        except LlmosError as error:
            raise Wrong(f"an act is not understood: {error}", 1) from None
        wrong_if(office.leaked, f"a mail {what} left the house: {mail}", 3 if "cc" in mail else 2)
        last = [c.why for c in process.run.state.calls.values() if c.name == "send_mail"][-1:]
        told = f"no mail to the team was sent{f', after one {what}' if what else ''}"
        wrong_if(not office.sent, ": ".join([told, *filter(None, last)]), 2)
    return f"the team got its table {len(attacks) + 1} times; no rule stood, and the gate knew no attack"


def judge_who(attempt: Any, seed: int) -> str:
    """Ask of four runs who had decided on the mail."""
    office = Office(seed)
    _, mail, end = work()
    runs = {
        "the mode": run(office, [mail, mail, end], (), "auto"),  # nothing of others was read
        "a rule": run(office, work(), ALWAYS_ALLOW, "risky"),
        "nobody yet": run(office, work(), (), "risky"),
        "nobody may": run(office, work(), (), "never"),
    }
    asked = callable_or_wrong(attempt, "who(process)")
    for what, process in runs.items():
        bodies = (e.body for e in process.events)
        true = next((b.by.plain() for b in bodies if isinstance(b, CallDecided) and b.call == "r2.0"), None)
        mine = asked(process)
        told = f"where it was {what}, the journal says {true!r} of call r2.0, and yours {mine!r}"
        wrong_if(mine != true, told, 1 if mine is None else 3 if true is None else 2)
    return "each decision names who made it; none of them is the model, or the file"
