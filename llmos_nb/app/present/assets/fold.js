// The folded panel, one line: state, where it stands, clock, cost and the buttons of the moment. The choice is kept.
import { dataButton } from "./blocks.js";
import { tick } from "./clock.js";
import { button, h } from "./dom.js";

const KEPT = "llmos_nb:folded";
const MOST = 200;

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? [];
  } catch {
    return []; // no storage here, or somebody else's value
  }
}

const nameOf = ({ pid, name, goal }) => JSON.stringify([pid, name, goal.slice(0, 200)]);

/** Whether the panel of this process was left folded. */
export const wasFolded = (view) => kept().includes(nameOf(view));

/** Fold or unfold, and keep the choice. */
export function fold(p) {
  const folded = !p.ui.folded;
  const others = kept().filter((name) => name !== nameOf(p.view));
  try {
    localStorage.setItem(KEPT, JSON.stringify(folded ? [...others, nameOf(p.view)].slice(-MOST) : others));
  } catch {
    // it is folded all the same
  }
  p.open({ folded, menu: false }, "[data-act=fold]");
}

// What stands in one line must not be approved by it: a plan, a question, what others may be behind.
function decisions({ card }) {
  const of = (verb) => card.buttons.filter((b) => b.verb === verb).map((b) => dataButton({ ...b, more: null }));
  if (!card.question && !card.plan && !card.danger) return [of("approve"), of("reject")];
  return [of("reject"), button("Open", { act: "fold", look: card.danger ? "" : ".main" })];
}

/** The line. */
export function strip(p) {
  const { view } = p;
  const acts = view.acts.filter((label) => label !== "Pause");
  return h(
    "div.s1",
    {},
    button("", { icon: "chevron", act: "fold", say: "Unfold the panel", expanded: "false", look: ".bare" }),
    h("span.state", {}, p.standing),
    h("span.w", {}, view.strip ?? view.what),
    h("span.ck", {}, view.timing ? tick(view.timing, p) : view.time),
    h("span.mute", {}, view.cost),
    h(
      "span.go",
      {},
      view.card && decisions(view),
      acts.map((label) => button(label, { act: label.toLowerCase(), icon: label.toLowerCase() })),
    ),
  );
}
