"""The card of a step that is held in the middle, before something that its code did not show."""

from __future__ import annotations

from llmos_nb.tools import Call
from llmos_nb.views.contract import Button, Card, Held, Words
from llmos_nb.views.outside import acted
from llmos_nb.views.panel.danger import Question
from llmos_nb.views.wording import marked, sentence

ALLOW: Button = {"label": "Allow once", "verb": "approve", "key": "A"}
REFUSE: Button = {"label": "Refuse", "verb": "reject", "key": "R"}


def held(call: Call, key: str, question: Question, title: str) -> Card:
    """Return the card of a held step, but for its code; `title` says what it wants."""
    danger = bool(question.get("danger"))
    kind, about = question["effect"]
    first_no = danger or kind == "changed"  # what has changed may change again
    always: Button = {"label": "Allow for this process", "verb": "approve_rest", "key": "⇧ A"}
    once = first_no or kind == "delete"  # another deletion is another question
    first: list[Button] = [{**ALLOW, "main": True}, *([] if once else [always]), REFUSE]
    if first_no:
        first = [{**REFUSE, "main": True}, ALLOW]
    made: Card = {
        "title": f"{title}{', not foreseen' if _unforeseen(question) else ''}",
        "why": marked(sentence(question.get("text", "").partition(" So far it has done")[0])),
        "call": key,
        "buttons": first,
        "cover": _allows(kind, about, once),
        "held": _held(call, question),
    }
    if danger:
        made["risks"] = [("untrusted data", "what others wrote may be behind this; refuse unless you expected it")]
    if call.step:
        made["step"] = call.step
    return made


def at_its_line(made: Card) -> Card:
    """Say over the code at which line it stands still."""
    if line := made["held"].get("line"):
        cap = made.get("cap", "")
        made["cap"] = [*(cap if isinstance(cap, list) else [cap]), f", it stands still at line {line}"]
    return made


def _allows(kind: str, about: str, once: bool) -> Words:
    """Say what each answer does."""
    on = "Allow once goes on from here; nothing of the step runs twice. "
    same = f"the same ({kind} {about})" if kind == "call" else f"the same {kind}"
    covers = "" if once else f"“Allow for this process” covers {same} in every later step of this process. "
    refuse = "Refuse raises an error in the step and takes back what it changed in the namespace; "
    return f"{on}{covers}{refuse}what it has done outside stays. The clock stands while it waits."


def _unforeseen(question: Question) -> bool:
    """Return whether the code of the step did not show what it is about to do."""
    return question["effect"][0] != "call" and "foreseen" in question.get("text", "")


def _held(call: Call, question: Question) -> Held:
    """Say what a step has done so far, and where it stands still."""
    done = [[acted(f"{kind} {target}"), why] for kind, target, why in question.get("so_far", ())]
    why = "not foreseen" if _unforeseen(question) else "it asks"
    made: Held = {"done": done, "effect": str(question.get("title", "")), "why": why}
    line = int(question.get("line", 0))
    if call.code and 0 < line <= len(call.code.splitlines()):
        made["line"] = line
    if place := question.get("place"):
        made["pairs"] = [["where", str(place)]]
    return made
