"""Pages that are laid over *now* for a while: the rules, the journal."""

from __future__ import annotations

from collections.abc import Callable

from llmos_nb.journal.events import SignalReceived
from llmos_nb.process.state import State
from llmos_nb.views.contract import Button, Sheet
from llmos_nb.views.panel.blocks import Rows, code, table, text
from llmos_nb.views.timeline import Timeline
from llmos_nb.views.wording import short

JOURNAL_MOST = 400


def rules(s: State, timeline: Timeline) -> Sheet:
    """List the rules that hold, in order, each with the button that takes it back."""
    title = "Rules and what they cover"
    mode = text(["Where no rule speaks, the mode ", ["`", s.mode], " decides."])
    if not s.rules:
        return {"title": title, "blocks": [text("There is no rule in this process."), mode]}
    rows: Rows = []
    for i, rule in enumerate(s.rules):
        where = ", ".join(f"{k} = {v!r}" for k, v in rule.where.items()) or "any arguments"
        left = f"{max(rule.count - s.rules_used.get(i, 0), 0)} more" if rule.count else "any number"
        revoke: Button = {"label": "Take back", "verb": "revoke", "data": {"rule": i}}
        rows.append([[["`", rule.tool]], rule.do, where, left, f"by {rule.by}", revoke])
    heads = ["tool", "does", "where", "how often", "made", "take back"]
    return {"title": title, "blocks": [table("Rules, the first that matches speaks", rows, heads), mode]}


def journal(s: State, timeline: Timeline) -> Sheet:
    """Show the last events, a line each."""
    shown = timeline.events[-JOURNAL_MOST:]
    lines = "\n".join(f"{e['n']:>4}  {e['k']:<18} {short(e['t'], 100)}" for e in shown)
    blocks = [code(lines, "Journal")]
    if len(shown) < len(timeline.events):
        blocks.insert(0, text(f"The last {len(shown)} of {len(timeline.events)} events."))
    return {"title": "Journal", "blocks": blocks}


def previewed(seen: SignalReceived) -> Sheet:
    """Show what a step gave in a copy that was thrown away, from the event that tells of it."""
    title = f"Preview of {seen.call}" + ("" if seen.ok else ": it failed")
    gone = "It ran in a copy of your variables that is gone now. Nothing was changed; it still waits for you."
    shown = [code(seen.text, "What it showed")] if seen.text else []
    return {"title": title, "blocks": [text(gone), *shown, text(f"It would change: {seen.would}.")]}


MakeSheet = Callable[[State, Timeline], Sheet]
SHEETS: dict[str, MakeSheet] = {"rules": rules, "journal": journal}
