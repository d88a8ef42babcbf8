// Keys count only while the focus is inside the panel, and none of them may reach the notebook around it.
import { isOff } from "./dom.js";
import { act, isFor, seek } from "./verbs.js";
import { verbsOf } from "./plan.js";
import { opens } from "./sheet.js";

const STEP_KEYS = { a: "approve", e: "edit", r: "reject", s: "skip", u: "undo", o: "open" };
// One line, or words to somebody: Enter sends them. In code and in arguments it breaks the line.
const WORDS = ".form input[type=text], .form textarea:is([name=text], [name=why]), [name=further]";
const FIELD = "input:not([type=range], [type=checkbox]), textarea, select";

// JupyterLab and Notebook match their command keys against the focused element, so A, B, X and D D would edit the notebook.
// A lone i goes on (I I interrupts), and so do keys with Ctrl, but for those that edit text and Ctrl Enter, which would
// run the cell. Alt with a letter is a shortcut of the front end's, but where it may write a character.
function isOurs(event, typing) {
  if (event.altKey && !typing && /^Key/.test(event.code)) return false;
  if (!event.ctrlKey && !event.metaKey) return typing || event.key !== "i";
  return event.key === "Enter" || (typing && /^[acvxyz]$/i.test(event.key));
}

const SUPPRESS = "data-lm-suppress-shortcuts";

// Notebook listens on the document before the event comes down to the panel: there, only this attribute on the focused
// element itself helps. It stays for the one key, so that the others go on.
export function shieldKeys(p) {
  const shield = (event) => {
    if (p.root.contains(event.target) && isOurs(event, event.target.matches(FIELD)))
      event.target.setAttribute(SUPPRESS, "");
  };
  window.addEventListener("keydown", shield, true);
  return () => window.removeEventListener("keydown", shield, true);
}

function visibleSteps(root) {
  return [...root.querySelectorAll("li.step")].filter((li) => li.offsetParent);
}

function arrow(event, p, li) {
  const by = event.key === "ArrowUp" ? -1 : 1;
  event.preventDefault();
  if (event.altKey) return act(p, by < 0 ? "up" : "down", { step: p.step(li.dataset.n) });
  const all = visibleSteps(p.root);
  const next = all[all.indexOf(li) + by];
  if (next) p.goTo(next.dataset.n);
}

function inMenu(event, menu) {
  const items = [...menu.children];
  const at = items.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  items[to % items.length].focus();
}

// A field of the plan that is edited in place; one of a form in it is a form's.
const inPlan = ({ target }) => target.name && target.closest(".pd") && !target.closest(".form");

function escape(event, p) {
  if (inPlan(event)) return leave(event, p, event.target.baseValue);
  if (p.ui.claim != null) return p.set({ claim: null });
  if (p.ui.menu) return act(p, "menu");
  if (p.ui.keys || p.view.sheet) return act(p, "close");
  if (p.ui.form || p.ui.mode) p.close();
}

// A field of the plan is left for its step; what was typed is sent by its change, unless it goes back.
function leave(event, p, value) {
  event.preventDefault();
  const li = event.target.closest("li.step");
  if (value !== undefined) event.target.value = value;
  p.goTo(li.dataset.n);
}

const IN_TIME = { ArrowLeft: "earlier", ArrowDown: "earlier", ArrowRight: "later", ArrowUp: "later" };

// The slider stands on real time, and the arrows go from event to event.
function inTime(event, p) {
  const verb = IN_TIME[event.key];
  if (!verb && event.key !== "Home" && event.key !== "End") return;
  event.preventDefault();
  if (verb) act(p, verb);
  else seek(p, event.key === "Home" ? 0 : p.view.events.length - 1);
}

function ask(event, p) {
  event.preventDefault();
  act(p, "further");
}

// The same as pressing the button that shows these keys, nearest to the focus first.
function confirm(event, p) {
  event.preventDefault();
  const near = event.target.closest(".form, .card");
  const button = near?.querySelector(":is([data-letter='Ctrl ↵'], [data-letter='↵'])");
  if (button) act(p, button.dataset.act, { button });
}

// The default is prevented, or the letter would be typed into the field that it opens.
function letter(event, p, li) {
  event.preventDefault();
  const key = event.key.toLowerCase();
  if (event.key === "?") return act(p, p.ui.keys ? "close" : "keys");
  if (key === "p") return p.view.acts.forEach((label) => label !== "Stop" && act(p, label.toLowerCase()));
  const step = li && p.step(li.dataset.n);
  const atCard = !step || (event.shiftKey && isFor(p.view.card, step));
  if (!atCard) {
    const verb = !event.shiftKey && STEP_KEYS[key];
    if (verb === "open" ? opens(step) : verb && verbsOf(step, p.view).includes(verb)) act(p, verb, { step });
    return;
  }
  const name = (event.shiftKey ? "⇧ " : "") + key.toUpperCase();
  const button = [...p.root.querySelectorAll(":is(.now, .foot, .s1) [data-letter]")].find(
    (each) => each.dataset.letter === name && !each.disabled && !isOff(each),
  );
  if (button) act(p, button.dataset.act, { button });
  else if (name === "U") act(p, "undo");
}

/** The one listener for keys. */
export function onKey(event, p) {
  const typing = event.target.matches(FIELD);
  event.target.removeAttribute(SUPPRESS);
  if (isOurs(event, typing)) event.stopPropagation(); // Lab listens on the document after the panel
  if (event.key === "Escape") return escape(event, p);
  if (event.key === "Enter" && inPlan(event)) return leave(event, p);
  const sends = event.target.matches(WORDS) && !event.isComposing && !event.shiftKey;
  if (event.key === "Enter" && event.target.name === "further" && sends) return ask(event, p);
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey || sends)) return confirm(event, p);
  if (typing || event.ctrlKey || event.metaKey || event.isComposing) return;
  const menu = event.target.closest(".menu");
  if (menu) return inMenu(event, menu);
  if (event.target.type === "range") return inTime(event, p);
  const li = event.target.closest("li.step");
  const inSteps = li || (event.target.matches(".doc") && !event.altKey); // from a plan itself to the first of its steps
  if (inSteps && /^Arrow(Up|Down)$/.test(event.key)) return arrow(event, p, li);
  if (event.key === "Enter" && event.target === li && !event.repeat && opens(p.step(li.dataset.n))) {
    event.preventDefault();
    return act(p, "open", { step: p.step(li.dataset.n) });
  }
  if (event.altKey || event.repeat || !/^[a-z?]$/i.test(event.key)) return;
  letter(event, p, li);
}
