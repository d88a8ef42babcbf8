// The head of the panel: goal, state, verbs of the whole process, menu, budget and where the loop stands.
import { passed, share, tick } from "./clock.js";
import { button, h, icon } from "./dom.js";
import { exported } from "./foot.js";
import { loopLine } from "./loop.js";
import { words } from "./text.js";

const MENU = [
  ["Export notebook", "export"],
  ["Undo all", "undo_all"],
  ["Fork here", "fork"],
  ["Show journal", "journal"],
  ["Drawing of the loop", "loop"],
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

// Names of the goal look as in its cell.
function marked(goal) {
  const parts = goal.split("`");
  const open = parts.length % 2 ? -1 : parts.length - 1;
  return parts.map((part, i) => (i === open ? `\`${part}` : i % 2 ? h("code", {}, part) : part));
}

function goal(p) {
  const attrs = { type: "button", "aria-expanded": `${p.ui.open}`, "data-act": "goal" };
  return h("h2.goal", {}, h("button", attrs, icon("chevron"), h("span", {}, marked(p.view.goal))));
}

function budget(p) {
  const bar = ({ name, used, of, part, clock }) => {
    const now = clock ? passed(clock, p) / clock.top : part;
    return h(
      now >= 1 ? "div.full" : "div",
      {},
      h("dt", {}, name),
      h("dd", {}, clock ? tick(clock, p) : used, h("span.mute", {}, ` of ${of}`)),
      h("i", { "aria-hidden": "true" }, h("b", { width: share(now) })),
    );
  };
  return h("dl.budget", {}, p.view.budget.map(bar));
}

/** What can be said and added while the run goes on, and what its verbs do: always at the same place. */
export function runFoot({ view, ui }) {
  const { acts, steps, card, cell } = view;
  if (!acts.length && !cell) return null;
  const runs = acts.includes("Pause") && acts.includes("Stop");
  return h(
    "footer.run-foot",
    { "data-key": "foot run" },
    cell ? h("span.held", {}, words(cell)) : runs && h("span", {}, "Pause ends after this step. Stop ends now and takes the unfinished step back."),
    acts.length > 0 && steps.length > 0 && !card?.plan && ui.form?.kind !== "add" && button("Add a step", { act: "add", look: ".bare" }),
    acts.length > 0 && ui.form?.kind !== "send" && button("Say something", { act: "send", look: ".bare" }),
  );
}

export function header(p) {
  const { view, ui } = p;
  const acts = view.acts.map((label) => button(label, { act: label.toLowerCase(), icon: label.toLowerCase() }));
  const more = button("More", { act: "menu", popup: "menu", expanded: `${ui.menu}` });
  const fold = button("", { act: "fold", icon: "fold", say: "Fold the panel", expanded: "true" });
  return h(
    "header",
    {},
    h("div.top", {}, goal(p), h("div.acts", {}, acts, more, fold, menu(p))),
    h(
      "div.meta",
      {},
      h("span.state", {}, p.standing),
      h("span", {}, view.what, view.clock && [", ", tick(view.clock, p)]),
      h("span.mute", {}, view.who),
    ),
    ui.note && h("p.note", {}, ui.note),
    !view.foot && exported(p),
    p.offline && h("p.offline", {}, words(p.offline)),
    budget(p),
    loopLine(p.svg, view),
  );
}

const KEYS = [
  ["A, ⇧ A", "approve, the rest like this"],
  ["E, R, S", "edit, reject, skip"],
  ["U, ⇧ U, P", "undo, redo, pause or resume"],
  ["↵, O", "open the step"],
  ["↑ ↓", "previous, next step"],
  ["Alt ↑ ↓", "move the step"],
  ["↵, ⇧ ↵", "in words: send them, break the line"],
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
    h("h3.lead", { id: p.ref("keys") }, icon("chevron"), h("span", {}, "Keys")),
    h(
      "p.mute",
      {},
      "They work while the focus is inside the panel. On a step a letter means that step, else the card.",
    ),
    h("table.keys", {}, h("caption.sr", {}, "Keys"), h("tbody", {}, rows)),
    h("div.go", {}, button("Close", { act: "close", key: "Esc" })),
  );
}
