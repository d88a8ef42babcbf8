// Where the keyboard is, and what is said aloud.
import { currentStep } from "./plan.js";

const nowhere = () => !document.activeElement || document.activeElement === document.body;

/** Remember the focus before a change; the function it gives puts it where the rules say. */
export function holdFocus(p, before) {
  const held = document.activeElement;
  const inside = p.root.contains(held);
  const typing = inside && held.matches("input[type=text], textarea");
  const sheet = p.root.querySelector(".sheet");
  const row = inside ? held.closest(".plan li")?.dataset.n : null;
  return () => {
    const asked = p.view.card && p.cardKey() !== before;
    const opened = p.root.querySelector(".sheet");
    if (inside && opened && opened !== sheet) return opened.focus();
    const kept = inside && p.root.contains(held);
    const judging = kept && held.closest(".doc"); // what was changed of the plan is what is looked at
    if (asked && !((typing || judging) && kept) && (inside || nowhere()))
      return p.focus(p.view.card.danger ? ".card .stopit" : ".card"); // the one decision that focuses a button
    if (p.furthered && inside && (!kept || held.matches(".now"))) return awaitAnswer(p);
    if (kept) return document.activeElement === held ? null : held.focus({ preventScroll: true });
    if (inside && p.was != null && p.step(p.was)) return p.goTo(p.was); // the page of that row was closed
    return inside ? rest(p, row) : null;
  };
}

// What had the focus is gone: the card takes it, else the line in which its row is folded by now, else its row or the
// current step, else the goal.
function rest(p, row) {
  if (p.view.card) return p.focus(".card");
  const li = row != null && p.root.querySelector(`.plan li[data-n="${row}"]`);
  const fold = li && li.closest("details:not([open])");
  if (fold) return fold.querySelector("summary").focus({ preventScroll: true });
  if (li) return p.goTo(row);
  const step = currentStep(p.view.steps);
  return step ? p.goTo(step.n) : p.focus(".goal button");
}

// Who asked further is where the answer comes, and then in the line again.
function awaitAnswer(p) {
  const line = p.root.querySelector("[name=further]");
  p.furthered = !line;
  (line ?? p.root.querySelector(".now")).focus({ preventScroll: true });
}

/** A polite line that says at most one thing a second, and then the newest. */
export function announcer(line) {
  let last = Number.NEGATIVE_INFINITY;
  let timer = null;
  let next = "";
  const speak = () => {
    timer = null;
    last = performance.now();
    line.textContent = next;
  };
  return (text) => {
    if (text === next) return;
    next = text;
    timer ??= setTimeout(speak, Math.max(50, last + 1000 - performance.now()));
  };
}

/** Warn before the page is left while somebody is waited for and the notebook is not saved: what it shows would be lost. */
export function warnBeforeLeaving(p) {
  const ask = (event) => {
    const waits = p.view.card || p.view.acts.length > 0;
    const dirty = p.model.widget_manager?.context?.model?.dirty ?? true;
    if (waits && dirty && p.root.isConnected) event.preventDefault();
  };
  window.addEventListener("beforeunload", ask);
  return () => window.removeEventListener("beforeunload", ask);
}
