// The plan while it is judged: a document in the wide column, with what it may do outside beside it.
import { dataButton, lead, table } from "./blocks.js";
import { button, h, icon, lazy } from "./dom.js";
import { rejectForm, stepForm } from "./editor.js";
import { refusal } from "./refused.js";
import { after, folded, signOf, verb } from "./plan.js";
import { words } from "./text.js";

const VERBS = ["edit", "skip", "up", "down"];
const PLACEHOLDER = { title: "what it does", expect: "nothing to compare" };
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

// As many lines as the text will take: a front end that sizes fields by itself makes it exact.
function inPlace(name, look, step, value, label) {
  const rows = Math.max(1, Math.ceil((value ?? "").length / 70));
  return h(`textarea.${look}`, { name, rows, spellcheck: "false", "aria-label": `${label} of step ${step.n}`, placeholder: PLACEHOLDER[name], value: value ?? "" });
}

function outside(step, acts) {
  const mine = acts.filter((act) => step.acts?.includes(act.n));
  return mine.map((act) => h("div.outw", {}, icon("out"), h("b", {}, ` act ${act.n}`), ": ", words(act.words)));
}

function editable(p, step, acts, tab) {
  return [
    h("div", {}, inPlace("title", "ti", step, step.t, "Title"),
      h("div.ex", {}, h("span", {}, "expects"), inPlace("expect", "xp", step, step.x, "Expectation")),
      step.code && h("div.ex", {}, "with code of yours"),
      outside(step, acts), refusal(p, step.n)),
    h("div.side", {}, after(step), h("span.do", {}, VERBS.map((name) => verb(name, step, tab)))),
  ];
}

function docRow(p, step, past) {
  const form = p.ui.form?.n === step.n ? p.ui.form.kind : null;
  const tab = p.ui.tab === step.n ? 0 : -1;
  const { acts } = p.view.card.plan;
  return lazy("li", `step ${step.n}`, [step, tab, form, past, acts, p.ui.refused], () =>
    h(
      `li.step${past ? ".rest" : ""}`,
      { id: p.ref(`step-${step.n}`), "data-key": `step ${step.n}`, "data-n": step.n, "data-s": step.s, tabindex: tab },
      button("", { icon: "grip", act: "grip", look: ".bare.grip", tab, say: `Move step ${step.n}: drag, or Alt and arrows` }),
      h("span.num", {}, step.n),
      form ? stepForm(p, form, step) : editable(p, step, acts, tab),
    ),
  );
}

function cut(p, step, set) {
  const attrs = { type: "button", "data-act": "upto", "data-data": JSON.stringify({ n: step.n }), "aria-pressed": `${set}` };
  return h(`li.cut${set ? ".set" : ""}`, { "data-key": `cut ${step.n}` }, h("button", attrs, `up to here, step ${step.n}`));
}

/** The steps that are to be judged, and the last one that is approved with the button: the reader's line, or the end. */
function judged(p) {
  const open = p.view.steps.filter((step) => step.s === "pending");
  const at = open.findIndex((step) => step.n === p.ui.upto);
  return { open, last: at < 0 ? open.length - 1 : at };
}

function approving(card, p, { open, last }) {
  if (last >= open.length - 1) return card.buttons.map((b) => dataButton(b));
  const { n } = open[last];
  return card.buttons
    .filter((b) => b.verb !== "approve" || b.main)
    .map((b) => dataButton(b.main ? { ...b, more: `up to step ${n}`, data: { upto: n } } : b));
}

/** The card. */
export function planCard(p) {
  const { view, ui } = p;
  const { card } = view;
  const found = judged(p);
  const before = view.steps.filter((step) => step.s !== "pending");
  const rows = found.open.flatMap((step, i) => [docRow(p, step, i > found.last), i < found.open.length - 1 && cut(p, step, i === found.last)]);
  const next = found.open[found.last + 1];
  return h(
    "section.card.doc",
    { "data-key": "card plan", tabindex: -1, role: "group", "aria-labelledby": p.ref("lead"), "aria-describedby": p.ref("why") },
    lead(card.title, "waiting", p.ref("lead")),
    h("p", { id: p.ref("why") }, words(card.why)),
    folded(p, "ended", signOf(before), `${plural(before.length, "row")} before this plan`, before),
    h("ol.pd", { "data-key": "doc", "aria-label": "Steps, to be edited in place" }, rows),
    h("div.add", { "data-key": "add" }, ui.form?.kind === "add" ? stepForm(p, "add") : button("Add a step", { act: "add", look: ".bare" })),
    ui.mode === "reject"
      ? rejectForm()
      : h("div.go.dec", { "data-key": "verbs" }, approving(card, p, found),
          h("span.cover", {}, next ? `You are asked again before step ${next.n}.` : words(card.cover))),
  );
}

function actItem({ n, words: text, kind, why, chosen }) {
  return h("li", {}, h("span.num", {}, n),
    h("div", {}, words(text), h(`div.cls.${kind}`, {}, words(why)),
      chosen.length > 0 && table({ caption: `Who chooses what in act ${n}`, rows: chosen })));
}

/** The margin beside it. */
export function planSide(p) {
  const { acts, promise, rest } = p.view.card.plan;
  return h(
    "section.plan",
    { "aria-label": "What it may do outside" },
    h("h3", {}, h("span", {}, "What it may do outside"), acts.length > 0 && h("span", {}, plural(acts.length, "act"))),
    h("p.cover", {}, promise),
    acts.length > 0 && h("ol.acts2", {}, acts.map(actItem)),
    rest.length > 0 && h("h3", {}, h("span", {}, "In this notebook")),
    h("ul.rest", {}, rest.map((line) => h("li", {}, words(line)))),
  );
}
