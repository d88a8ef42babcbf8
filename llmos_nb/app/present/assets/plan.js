// The plan as a list: one tab stop, evidence in the rows, verbs over a row's end.
import { tick } from "./clock.js";
import { button, h, icon, lazy } from "./dom.js";
import { stepForm } from "./editor.js";
import { opener, opens } from "./sheet.js";
import { words } from "./text.js";

const SAY = {
  pending: "not started",
  running: "running",
  waiting: "waiting for you",
  done: "done",
  failed: "failed",
  rejected: "rejected",
  skipped: "skipped",
  replaced: "replaced",
  undone: "undone",
  left: "not done",
};

/** What can be done to a step, by its state. */
export const STEP_VERBS = {
  pending: ["approve", "edit", "skip", "up", "down"],
  waiting: ["approve", "edit", "skip", "reject"],
  running: ["skip"],
  done: ["retry", "undo"],
  failed: ["retry", "edit", "skip", "undo"],
  skipped: ["retry"],
  undone: ["retry"],
  left: ["retry"],
  rejected: ["retry", "edit"],
};

/** What can be done to a call that serves no step of a plan. */
const CALL_VERBS = { waiting: STEP_VERBS.waiting, done: ["undo"], failed: ["undo"] };

const isCall = (step) => typeof step.n === "string";
const named = (step) => (isCall(step) ? `call ${step.n}` : `step ${step.n}`);

const OFFERED = {
  undo: (step) => Boolean(step.back),
  edit: (step) => !step.asks,
  approve: (step) => !step.danger && !step.asks && (step.s !== "pending" || !step.covered),
};

/** The same for one row of a view: what it has no use for is not offered, and nothing to a row of an earlier event. */
export const verbsOf = (step, view) =>
  view.past
    ? []
    : ((isCall(step) ? CALL_VERBS : STEP_VERBS)[step.s] ?? []).filter((name) => OFFERED[name]?.(step) ?? true);

/** A verb over the end of a row. */
export function verb(name, step, tab) {
  const arrow = { up: "↑", down: "↓" }[name];
  if (arrow) return button(arrow, { act: name, say: `Move step ${step.n} ${name}`, look: ".bare", tab });
  const label = name[0].toUpperCase() + name.slice(1);
  return button(label, { act: name, say: `${label} ${named(step)}`, look: ".bare", tab });
}

/** The step that the eye goes to: what waits or runs, else the next one, else the first. */
export function currentStep(steps) {
  const first = (...states) => steps.find((step) => states.includes(step.s));
  return first("waiting", "running") ?? first("pending") ?? steps[0];
}

// Green is only what was evaluated; time and cost stand at its right, until the verbs of the row do.
function verdict(step, verbs) {
  if (!step.verdict) return null;
  const side = h("span.mute", {}, [step.dur, step.cost].filter(Boolean).join(" · "));
  const look = step.held ? ".held" : step.s === "failed" ? ".err" : "";
  return h(`div.h${look}`, {}, h("span", {}, words(step.verdict)), h("span.end", {}, side, verbs));
}

/** The steps that a step needs. */
export const after = (step) => step.after && h("span.dep", {}, `after ${step.after}`);

function facts(p, step, verbs) {
  const time = step.clock ? tick(step.clock, p) : step.dur;
  const found = [...(step.verdict ? [] : [time, step.cost]), step.note].filter(Boolean);
  const told = found.flatMap((fact, i) => (i ? [" · ", fact] : [fact]));
  return h(told.length ? "div.facts.told" : "div.facts", {}, told, !step.verdict && verbs);
}

function body(p, step, tab) {
  const verbs = h("span.do", {}, verbsOf(step, p.view).map((name) => verb(name, step, tab)));
  return h(
    "div",
    {},
    h(
      "div.t",
      {},
      h("span.num", {}, step.n),
      h("b", {}, h("span.sr", {}, `${step.begun ? "not finished" : SAY[step.s]}: `), step.t),
      after(step),
      opens(step) && opener(p, step, named(step), tab),
    ),
    verdict(step, verbs),
    step.s !== "replaced" && step.x && !Array.isArray(step.verdict) && h("div.x", {}, `expects: ${step.x}`),
    step.ev && h(step.s === "failed" ? "div.ev.err" : "div.ev", {}, words(step.ev)),
    facts(p, step, verbs),
    step.said?.map((words) => h("div.said", {}, icon("answered"), h("span", {}, words))),
  );
}

/** A check mark stands only where what the step expected was evaluated, and was true. */
const markOf = (step) => (step.s === "done" && !step.held ? "ran" : step.s);

function row(p, step) {
  const form = p.ui.form?.n === step.n ? p.ui.form.kind : null;
  const here = p.ui.tab === step.n;
  const hit = p.ui.hit === step.n;
  const open = p.view.sheet?.step === step.n;
  const refused = form && p.ui.refused;
  return lazy("li", `step ${step.n}`, [step, here, form, hit, open, p.view.past, p.view.skew, refused], () => {
    const tab = here ? 0 : -1;
    const now = step.s === "running" || step.s === "waiting";
    const attrs = {
      id: p.ref(`step-${step.n}`),
      "data-key": `step ${step.n}`,
      "data-n": step.n,
      "data-s": step.danger ? "danger" : step.s,
      tabindex: tab,
      "aria-current": now ? "step" : null,
      "data-held": step.held ? "" : null,
      "data-open": open,
    };
    const li = h(
      `li.step${hit ? ".hit" : ""}`,
      attrs,
      icon(step.danger ? "danger" : markOf(step)),
      form ? stepForm(p, form, step) : body(p, step, tab),
    );
    for (const link of li.querySelectorAll("a")) link.tabIndex = tab;
    return li;
  });
}

/** The sign of rows in one line: what is not true of each of them is not said by it. */
export function signOf(steps) {
  if (steps.every((step) => step.s === "done")) return steps.every((step) => step.held) ? "done" : "ran";
  return steps.every((step) => step.s === steps[0].s) ? steps[0].s : "pending";
}

/** Rows in one line, which unfolds. */
export function folded(p, key, glyph, text, steps) {
  if (!steps.length) return null;
  const summary = h("summary", {}, icon(glyph), ` ${text}`);
  return h(
    "details.fold",
    { "data-key": key },
    summary,
    h(
      "ol",
      {},
      steps.map((step) => row(p, step)),
    ),
  );
}

// With a fold: ended steps in one line, those that failed or go on, four more, and the rest in one line.
function parts({ steps, fold }) {
  if (!fold) return [[], steps, []];
  const last = steps.findIndex((step) => step.n === fold.upto);
  const ended = (step) => !["failed", "waiting", "running", "pending"].includes(step.s);
  const away = (step) => ended(step) && steps.indexOf(step) <= last;
  const rest = steps.filter((step) => !away(step));
  const near = rest.filter((step) => steps.indexOf(step) <= last).length + 5;
  return [steps.filter(away), rest.slice(0, near), rest.slice(near)];
}

function skeleton() {
  const bar = (width) => h("div.skel", { width: `${width}%` });
  const line = (width) => h("div.step", {}, icon("pending"), h("div", {}, bar(width), bar(width - 30)));
  return h("div", { "aria-hidden": "true" }, [72, 88, 64, 80].map(line));
}

/** The margin: the plan. */
export function plan(p) {
  const { view, ui } = p;
  const [ended, near, far] = parts(view);
  const kind = far[0] && isCall(far[0]) ? "Call" : "Step";
  return h(
    "section.plan",
    { "aria-label": view.planhead?.startsWith("Calls") ? "Calls" : "Plan" },
    h("h3", {}, h("span", {}, view.planhead ?? "Plan"), view.planside && h("span", {}, view.planside)),
    view.planside === "being written" && skeleton(),
    folded(p, "ended", signOf(ended), view.fold?.text, ended),
    h(
      "ol",
      { "data-key": "near" },
      near.map((step) => row(p, step)),
    ),
    folded(
      p,
      "far",
      "pending",
      far.length > 1 ? `${kind}s ${far[0].n}–${far.at(-1).n} not started` : `${kind} ${far[0]?.n} not started`,
      far,
    ),
    ui.form?.kind === "add" && h("div.step", { "data-key": "add" }, icon("pending"), stepForm(p, "add")),
    ui.form?.kind === "send" && h("div.step", { "data-key": "send" }, icon("pending"), stepForm(p, "send")),
  );
}
