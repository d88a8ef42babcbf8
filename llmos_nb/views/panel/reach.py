"""What of a view can only fail where the session does not hold what the steps changed: it rests, and says why."""

from __future__ import annotations

from collections.abc import Collection

from llmos_nb.views.contract import Block, Button, PanelView, StepRow


def within_reach(view: PanelView, lost: Collection[str], redo: bool, why: str) -> PanelView:
    """Return a view in which the buttons of what cannot be taken back, or put back, here keep their places and rest.

    Parameters
    ----------
    view : PanelView
        As the journal gives it; it is left as it is.
    lost : collection of str
        The calls that cannot be taken back: an Undo of a row reaches from its first call to the end.
    redo : bool
        Whether what was undone last can be put back.
    why : str
        Why not, in a sentence.
    """
    if not lost and redo:
        return view
    made: PanelView = {**view, "steps": [_row(row, lost) for row in view["steps"]]}
    made["now"] = [_block(block, lost, redo) for block in view.get("now", ())]
    if sheet := view.get("sheet"):
        made["sheet"] = {**sheet, "foot": _block(sheet["foot"], lost, redo)} if "foot" in sheet else sheet
    if foot := view.get("foot"):
        resting = _resting(foot["buttons"], lost, redo)
        made["foot"] = {**foot, "buttons": resting, "note": why} if resting != foot["buttons"] else foot
    elif made["now"] != view.get("now", []):
        made["now"] = [*made["now"], {"kind": "text", "words": why, "mute": True}]
    return made


def _row(row: StepRow, lost: Collection[str]) -> StepRow:
    if not row.get("back") or not {*row.get("calls", ())} & {*lost}:
        return row
    made = row.copy()
    del made["back"]
    return made


def _block(block: Block, lost: Collection[str], redo: bool) -> Block:
    if "buttons" not in block or (resting := _resting(block["buttons"], lost, redo)) == block["buttons"]:
        return block
    made: Block = {**block, "buttons": resting}
    made.pop("note", None)  # it says what Undo would take back
    return made


def _resting(buttons: Collection[Button], lost: Collection[str], redo: bool) -> list[Button]:
    fails = {*(("undo", "undo_all") if lost else ()), *(() if redo else ("redo",))}
    return [{**button, "off": True} if button["verb"] in fails else button for button in buttons]
