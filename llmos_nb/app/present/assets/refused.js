// An edit that is refused says so at its editor, which has what was typed again.
import { h, icon } from "./dom.js";

/** Remember the editor that a message came from: a form with what was typed, or the place of one that stays open. */
export function sentFrom(p, seq, editor) {
  if (seq == null) return;
  p.set({ refused: null });
  p.editors.set(seq, editor);
}

/** Say why an edit was refused at the editor that it came from; false where that is gone, or another is open. */
export function saidAt(p, { seq, text }) {
  const editor = p.editors.get(seq);
  p.editors.delete(seq);
  if (!editor) return false;
  const { form, typed, card, n } = editor;
  if (form && !p.ui.form && !p.ui.mode && (!form.n || p.takes(form))) {
    p.open({ form, refused: { at: form.n ?? form.kind, text } }, ".form [name]");
    for (const input of p.root.querySelectorAll(".form [name]")) if (input.name in typed) input.value = typed[input.name];
  } else if (card && card === p.cardKey()) p.set({ refused: { at: "card", text } });
  else if (n && p.view.card?.plan) p.set({ refused: { at: n, text } });
  else return false;
  return true;
}

/** The words, where an editor was refused. */
export function refusal({ ui }, at) {
  return ui.refused?.at === at && h("p.refused", { role: "alert" }, icon("rejected"), h("span", {}, ui.refused.text));
}
