// One listener a kind, on the root: what they find decides.
import { counts, isOff } from "./dom.js";
import { onGrip } from "./drag.js";
import { onKey } from "./keys.js";
import { sentFrom } from "./refused.js";
import { opens } from "./sheet.js";
import { eventAt } from "./timeline.js";
import { act, seek } from "./verbs.js";

function onClick(event, p) {
  const link = event.target.closest("a[data-step]");
  if (link) {
    event.preventDefault();
    const step = p.step(link.dataset.step);
    p.goTo(link.dataset.step);
    if (step && opens(step) && p.view.sheet?.step !== step.n) act(p, "open", { step });
    return;
  }
  const button = event.target.closest("[data-act]");
  if (!counts(event, button, p.root) || !button || button.type === "range" || isOff(button)) return;
  if (event.detail && p.pressed !== meaning(button)) return; // it became another while the pointer was down
  const li = button.closest("li.step");
  act(p, button.dataset.act, { button, step: li && p.step(li.dataset.n) });
}

function onInput(event, p) {
  if (event.target.name === "typed" && p.ui.mode === "typed") p.set({ typed: event.target.value });
  else if (event.target.dataset.act === "seek") seek(p, eventAt(p, +event.target.value));
  else if (event.target.closest(".args") && p.ui.mode !== "args") p.set({ mode: "args" });
}

// A step of the plan that is judged is edited in place: what was typed is sent when its field is left.
function onChange(event, p) {
  const { name, value, baseValue } = event.target;
  const li = event.target.closest(".pd li.step");
  if (!li || event.target.closest(".form") || value.trim() === baseValue) return;
  if (name === "title" && !value.trim()) event.target.value = baseValue;
  else {
    // beneath a title stands what the step expects: whoever changes the one has seen that the other stays
    const seen = name === "title" ? { expect: li.querySelector("[name=expect]").value.trim() } : {};
    const { n } = p.step(li.dataset.n);
    sentFrom(p, p.send({ verb: "edit", step: n, [name]: value.trim(), ...seen }), { n });
  }
}

const meaning = (button) => button && `${button.dataset.act} ${button.dataset.data ?? ""}`;

function onPress(event, p) {
  p.pressed = meaning(event.target.closest("[data-act]"));
  onGrip(event, p);
}

// Pointing at a call's id lights its step; a menu closes when the focus leaves it.
function onPoint(event, p) {
  const link = event.target.closest?.("a[data-step]");
  const hit = link && /^(mouseover|focusin)$/.test(event.type) ? p.step(link.dataset.step)?.n ?? null : null;
  if (link && hit !== p.ui.hit) p.set({ hit });
  const value = event.target.closest?.("[data-claim]");
  const on = value && /^(mouseover|focusin)$/.test(event.type);
  if (value && !(event.type === "mouseout" && value.contains(document.activeElement)))
    if (!value.contains(event.relatedTarget) && p.ui.claim !== (on ? +value.dataset.claim : null))
      p.set({ claim: on ? +value.dataset.claim : null });
  const left = event.type === "focusout" && p.ui.menu && !event.relatedTarget?.closest?.(".acts");
  if (left) p.set({ menu: false });
}

/** By the kind of event. */
export const LISTENERS = {
  click: onClick,
  input: onInput,
  change: onChange,
  pointerdown: onPress,
  keydown: onKey,
  mouseover: onPoint,
  mouseout: onPoint,
  focusin: onPoint,
  focusout: onPoint,
};
