// The head of the panel: goal, state, verbs of the whole process, menu and budget.
import { button, h, icon } from "./dom.js";

const MENU = [
  ["Export notebook", "export"],
  ["Undo all", "undo_all"],
  ["Fork here", "fork"],
  ["Show journal", "journal"],
  ["Put steps in cells", "cells"],
  ["Rules and what they cover", "rules"],
  ["Keys", "keys"],
];

function menu({ ui, view }) {
  const item = ([label, act, data]) =>
    button(label, { act, data, role: "menuitem", tab: -1, key: act === "keys" ? "?" : null });
  const { card } = view;
  const waits = card?.code != null && card.call ? [["Preview this step", "preview", { call: card.call }]] : [];
  return h("div.menu", { role: "menu", "aria-label": "More", hidden: !ui.menu }, [...waits, ...MENU].map(item));
}

function goal(p) {
  const attrs = { type: "button", "aria-expanded": `${p.ui.open}`, "data-act": "goal" };
  return h("h3.goal", {}, h("button", attrs, icon("chevron"), h("span", {}, p.view.goal)));
}

function budget(bars) {
  const bar = ({ name, used, of, part }) =>
    h(
      part >= 1 ? "div.full" : "div",
      {},
      h("dt", {}, name),
      h("dd", {}, used, h("span.mute", {}, ` of ${of}`)),
      h(
        "i",
        { "aria-hidden": "true" },
        h("b", { width: `${part ? Math.min(Math.max(part * 100, 1), 100) : 0}%` }),
      ),
    );
  return h("dl.budget", {}, bars.map(bar));
}

export function header(p) {
  const { view, ui } = p;
  const acts = view.acts.map((label) => button(label, { act: label.toLowerCase(), icon: label.toLowerCase() }));
  const more = button("More", { act: "menu", popup: "menu", expanded: `${ui.menu}` });
  return h(
    "header",
    {},
    h("div.top", {}, goal(p), h("div.acts", {}, acts, more, menu(p))),
    h(
      "div.meta",
      {},
      h("span.state", {}, icon(view.glyph), " ", view.state),
      h("span", {}, view.what),
      h("span.mute", {}, view.who),
    ),
    ui.note && h("p.note", {}, ui.note),
    budget(view.budget),
  );
}

const KEYS = [
  ["A, ⇧ A", "approve, the rest like this"],
  ["E, R, S", "edit, reject, skip"],
  ["U, P", "undo, pause or resume"],
  ["O", "output of the step"],
  ["↑ ↓", "previous, next step"],
  ["Alt ↑ ↓", "move the step"],
  ["Tab", "header, card, step, its verbs"],
  ["Ctrl ↵, Esc", "save, leave without saving"],
  ["?", "these keys"],
];

/** The keys, on one page. */
export function keysSheet(p) {
  const rows = KEYS.map(([key, does]) =>
    h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, does)),
  );
  return h(
    "section.sheet",
    { "data-key": "keys", tabindex: -1, "aria-labelledby": p.ref("keys") },
    h("h4.lead", { id: p.ref("keys") }, icon("chevron"), h("span", {}, "Keys")),
    h(
      "p.mute",
      {},
      "They work while the focus is inside the panel. On a step a letter means that step, else the card.",
    ),
    h("table.keys", {}, h("caption.sr", {}, "Keys"), h("tbody", {}, rows)),
    h("div.go", {}, button("Close", { act: "close", key: "Esc" })),
  );
}
