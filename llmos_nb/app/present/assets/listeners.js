// One listener a kind, on the root: what they find decides.
import { onKey } from "./keys.js";
import { act, seek } from "./verbs.js";

function onClick(event, p) {
  const link = event.target.closest("a[data-step]");
  if (link) {
    event.preventDefault();
    return p.goTo(link.dataset.step);
  }
  const button = event.target.closest("[data-act]");
  if (!button || button.type === "range") return;
  const li = button.closest("li.step");
  act(p, button.dataset.act, { button, step: li && p.step(li.dataset.n) });
}

function onInput(event, p) {
  if (event.target.dataset.act === "seek") seek(p, +event.target.value);
  else if (event.target.closest(".args") && p.ui.mode !== "args") p.set({ mode: "args" });
}

// Pointing at a call's id lights its step; a menu closes when the focus leaves it.
function onPoint(event, p) {
  const link = event.target.closest?.("a[data-step]");
  const hit = link && /^(mouseover|focusin)$/.test(event.type) ? p.step(link.dataset.step)?.n ?? null : null;
  if (link && hit !== p.ui.hit) p.set({ hit });
  const left = event.type === "focusout" && p.ui.menu && !event.relatedTarget?.closest?.(".acts");
  if (left) p.set({ menu: false });
}

/** By the kind of event. */
export const LISTENERS = {
  click: onClick,
  input: onInput,
  keydown: onKey,
  mouseover: onPoint,
  mouseout: onPoint,
  focusin: onPoint,
  focusout: onPoint,
};
