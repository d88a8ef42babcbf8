"""A card of its own: what waits goes to an address that others wrote, and not the person who is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any
from urllib.parse import urlsplit

from llmos_nb.policy import odd, skeleton
from llmos_nb.policy.commitments import live
from llmos_nb.process.state import State
from llmos_nb.tools import Call
from llmos_nb.views.contract import Button, Card, Danger, Piece, Quote, StepRow, Words
from llmos_nb.views.wording import count, marked, upper

Question = Mapping[str, Any]
"""What the gate recorded with the question; any key may be missing."""
ALIKE, NEAR = 0.8, 0.55  # how much two addresses have in common
LINES, LINE, TYPED = 3, 240, 80
_SAID = ("external", "look-alike", "untrusted data")  # risks that the card says better
_APPROVES = ("approve", "approve_rest", "approve_same")
_TOKEN = re.compile(r"[^\s,;<>()\[\]{}\"'`|]+")
_ACCOUNT = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9 ]{8,}")


def endangered(question: Question) -> Mapping[str, str] | None:
    """Return the first value of a question that others wrote and that decides where something goes."""
    return next(iter(question.get("foreign", ())), None)


def asked_of(s: State, calls: Iterable[Call]) -> tuple[str, Question] | None:
    """Return the first open question about one of these calls, or about what one of them is about to do outside."""
    ids = {c.id for c in calls}
    return next(((k, q) for k, q in s.questions.items() if k in ids or q.get("call") in ids), None)


def waits_in(row: StepRow, s: State, calls: Iterable[Call]) -> None:
    """Say in a row which question of its calls waits, and whether it is a danger."""
    if (found := asked_of(s, calls)) is not None:
        row["call"], row["digest"] = found[0], found[1].get("digest", "")
        row |= {"danger": True} if endangered(found[1]) else {}
        row |= {} if found[1]["kind"] in ("approval", "plan", "effect") else {"asks": True}


def confirm(question: Question) -> str:
    """Return what must be typed to approve all the same: the domain as it is sent, or the value; else nothing."""
    return " ".join(dict.fromkeys(_typed(found["value"]) for found in question.get("foreign", ())))


def _typed(value: str) -> str:
    domain = _domain(sent(value))
    return (domain or (value if value.isascii() and value.isprintable() else ascii(value)[1:-1]))[:TYPED]


def asks_for(s: State, key: str) -> str:
    """Return what must be typed before the question of this key, or of this step, is approved; mostly nothing."""
    open_ = {k: q for k, q in s.questions.items() if key in (k, str(q.get("call", ""))) or _serves(s, k, q, key)}
    return next((word for q in open_.values() if (word := confirm(q))), "")


def _serves(s: State, key: str, question: Question, step: str) -> bool:
    call = s.calls.get(str(question.get("call") or key))
    return call is not None and step in ("all", *map(str, call.serves))


def sent(value: str) -> str:
    """Return an address as it goes over the wire: its domain in ASCII, without what cannot be seen."""
    if not (domain := _domain(value)):
        return value
    seen = "".join(c for c, _, why in odd(domain) if why != "invisible")
    try:
        return value.replace(domain, seen.encode("idna").decode())
    except UnicodeError:
        return value.replace(domain, ascii(seen)[1:-1])


def _domain(value: str) -> str:
    """Return the domain of an address, a link or a host; empty where there is none."""
    if "@" in value:
        return value.rpartition("@")[2]
    if "://" in value:
        try:
            return urlsplit(value).hostname or ""
        except ValueError:
            return ""
    host, _, rest = value.partition("/")
    host = host.partition(":")[0]
    return host if "." in host.strip(".") and (live(skeleton(host)) or rest) else ""


def noun(value: str) -> str:
    """Say what a value is: an address, an account, a value."""
    if _ACCOUNT.fullmatch(value.strip()):
        return "account"
    return "address" if _domain(value) or live(skeleton(value)) else "value"


def named(s: State, value: str) -> str:
    """Return what people named themselves that is nearest to a value; empty where nothing is like it."""
    said = "\n".join([s.words or s.goal, *(text for by, text in s.told if by.is_person)])
    mine = [t.rstrip(".:!?") for t in _TOKEN.findall(said)]
    kind = noun(value)
    near = [(_alike(t, value), t) for t in dict.fromkeys(mine) if len(t) > 2 and noun(t) == kind and kind != "value"]
    best = max(near, default=(0.0, ""))
    return best[1] if best[0] >= NEAR else ""


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, skeleton(one), skeleton(other), autojunk=False).ratio()


def put_in(s: State, question: Question, made: Card) -> Card:
    """Return a card in which Reject comes first, no key approves, and the value is taken apart."""
    found = endangered(question)
    if found is None:
        return made
    value, what = found["value"], noun(found["value"])
    mine, goes = named(s, value), sent(value)
    shown: Danger = {
        "came": marked(f"This {what} came from {found['source']}, not from you."),
        "name": found["argument"] or "where",
        "value": _pieces(value),
        "named": mine,
        "sent": goes if goes != value else "",
        "odd": _odd(value, mine, what),
        "noun": what,
        "confirm": confirm(question),
        "ask": f"To approve, type {_wanted(question, goes, what)}.",
    }
    if more := [f for f in question["foreign"][1:] if f["value"] != value]:
        shown["more"] = [[f["argument"], _pieces(f["value"])] for f in more]
    if (quote := _quote(s, found)) is not None:
        shown["quote"] = quote
    joins = ", " if question.get("effect") else " with "
    title = f"{made['title']}{joins}{'an' if what[0] == 'a' else 'a'} {what} you did not give"
    instead = _instead(s, question, found, mine)
    rest = [b for b in made["buttons"] if b["verb"] not in (*_APPROVES, "reject")]
    refuse: Button = {**next(b for b in made["buttons"] if b["verb"] == "reject"), "main": True}
    anyway: Button = {"label": "Approve anyway…", "verb": "approve"}
    buttons: list[Button] = [refuse, *instead, *rest, anyway]
    if "risks" in made:
        made["risks"] = [r for r in made["risks"] if r[0] not in _SAID]
    begun = made.get("cover", "") if question.get("effect") else "This call has not begun."
    cover: Words = ["A does nothing here. ", *([begun] if isinstance(begun, str) else begun)]
    return {**made, "title": upper(title), "danger": shown, "buttons": buttons, "cover": cover}


def _pieces(value: str) -> list[Piece]:
    return [list(piece) if piece[1] else piece[0] for piece in odd(value)]


def _wanted(question: Question, goes: str, what: str) -> str:
    """Say what is to be typed."""
    if " " in confirm(question):
        return "what each of them goes to, as it is sent, with a space between"
    return f"{'the domain' if _domain(goes) else f'the {what}'} as it is sent"


def _odd(value: str, mine: str, what: str) -> str:
    """Say how many characters are not what they seem, and whether it looks like what was named."""
    kinds = [why for _, _, why in odd(value) if why]
    unseen = sum(why == "invisible" for why in kinds)
    letters = len(kinds) - unseen
    many = "is not what it seems" if letters == 1 else "are not what they seem"
    said = [f"{count(letters, 'character')} {many}"] if letters else []
    said += [f"{count(unseen, 'character')} cannot be seen"] if unseen else []
    first = f"{', '.join(said)}. " if said else ""
    alike = mine and (kinds or _alike(mine, value) >= ALIKE)
    plural = "es" if what == "address" else "s"
    return f"{first}{f'The two {what}{plural} look alike and are not the same.' if alike else ''}".strip()


def _instead(s: State, question: Question, found: Mapping[str, str], mine: str) -> list[Button]:
    """Offer the same call with what the person named, where that can be put in the place of the value."""
    call = s.calls.get(str(question.get("call", ""))) or next(
        (s.calls[k] for k, q in s.questions.items() if q is question and k in s.calls), None
    )
    if not mine or call is None or not isinstance(call.arguments, dict) or question.get("effect"):
        return []
    given = call.arguments.get(found["argument"])
    if given != found["value"] and not (isinstance(given, list) and given == [found["value"]]):
        return []
    arguments = {**call.arguments, found["argument"]: [mine] if isinstance(given, list) else mine}
    data = {"restore": True, "arguments": arguments}
    return [{"label": "Send to the one I named", "verb": "check_edit", "data": data}]


def _quote(s: State, found: Mapping[str, str]) -> Quote | None:
    """Return the lines around the place where a value stood, as they came."""
    call = s.calls.get(found["call"])
    lines = [x for x in call.result.splitlines() if x.strip()] if call is not None else []
    hit = next((i for i, line in enumerate(lines) if found["value"] in line), -1)
    if call is None or hit < 0:
        return None
    first = max(hit - 1, 0)
    shown = lines[first : first + LINES]
    near = [[first + i == hit, *_cut(line, found["value"])] for i, line in enumerate(shown)]
    source = found["source"].strip("`")
    return {"head": f"{source}, written by others", "call": call.id, "lines": near}


def _cut(line: str, value: str) -> list[Any]:
    """Return a line with the value taken apart: what stands before it, its pieces, and what stands behind."""
    before, found, after = line.partition(value)
    if not found:
        return [line[:LINE], [], ""]
    return [before[-LINE // 2 :], _pieces(value), after[: LINE // 2]]
