// What a button, a letter or a form does: either something local to this window, or a message to the process.
import { isTyped } from "./danger.js";
import { beginDoing } from "./doing.js";
import { readArguments, readForm } from "./editor.js";
import { fold } from "./fold.js";
import { further, openExported } from "./foot.js";
import { newest } from "./live.js";
import { timeAt } from "./timeline.js";

const GUARD_MS = 500;

/** What the card is about, to be sent with its verbs. */
function about(card) {
  return Object.fromEntries(
    ["call", "digest", "step"].filter((key) => card[key] != null).map((key) => [key, card[key]]),
  );
}

/** Whether a card is about the row of a step, or of a call where there is no plan. */
export function isFor(card, step) {
  return card != null && `${card.step ?? card.call}` === `${step.n}`;
}

// A verb on the row of the step that waits is a verb on the call that waits.
function target(p, step) {
  const { card } = p.view;
  if (!step) return card ? about(card) : {};
  if (isFor(card, step) && step.s === "waiting") return about(card);
  return { step: step.n, ...(step.call && { call: step.call, digest: step.digest }) };
}

// Nobody can have read a question within half a second: such a click was meant for what stood there before.
function tooEarly(p, step) {
  const asks = p.view.card && (!step || step.s === "waiting");
  return asks && performance.now() - p.cardSince < GUARD_MS;
}

// What goes where others chose is approved by typing where it goes, and by nothing else.
function approve(p, { step, data, act }) {
  if (p.view.card?.danger && (!step || isFor(p.view.card, step)))
    return p.open({ mode: "typed", typed: "" }, ".typed input");
  if (!tooEarly(p, step)) p.send({ verb: act, ...target(p, step), ...data });
}

function approveTyped(p) {
  if (!tooEarly(p) && isTyped(p)) p.send({ verb: "approve", ...about(p.view.card), typed: p.ui.typed });
}

function edit(p, { step }) {
  const { card, steps } = p.view;
  if (card?.plan && !step) return p.focus(".pd textarea");
  const own = card && (!step || (isFor(card, step) && step.s === "waiting"));
  if (own && card.code != null) return p.open({ mode: "edit" }, ".card textarea[name=code]");
  if (own && card.danger && card.args?.length) return p.open({ mode: "args" }, `.args [name="${card.danger.name}"]`);
  if (own && card.args?.length) return p.focus(".args :is(input, textarea, select)");
  const chosen = step ?? (card && steps.find((each) => each.s === "pending"));
  if (chosen) p.open({ form: { kind: "edit", n: chosen.n } }, ".form input");
}

function reject(p, { step }) {
  const { card } = p.view;
  if (card && (!step || isFor(card, step))) return p.open({ mode: "reject" }, ".card .form textarea");
  if (step) p.open({ form: { kind: "reject", n: step.n } }, ".form textarea");
}

function move(p, step, by) {
  const { steps } = p.view;
  const other = steps[steps.findIndex((each) => each.n === step.n) + by];
  if (other?.s === "pending" && step.s === "pending") p.send({ verb: "move", step: step.n, to: other.n });
}

function save(p, { button }) {
  const form = button.closest("[data-form]");
  const { kind, n } = p.ui.form;
  const step = p.step(n);
  const rest = step?.s === "waiting" ? target(p, step) : step ? { step: n } : {};
  p.send({ verb: kind, ...rest, ...readForm(form) });
  p.close();
}

function check(p, { button, data }) {
  const { card } = p.view;
  if (data.restore) return p.send({ verb: "check_edit", ...about(card), ...data });
  const form = button.closest(".card");
  const typed = p.ui.mode === "edit" ? readForm(form) : readArguments(form, card.args);
  if (!typed) return;
  const same =
    p.ui.mode === "edit"
      ? typed.code === card.code
      : card.args.every(({ name, value }) => typed[name] === value);
  if (same) return p.close();
  p.send({ verb: "check_edit", ...about(card), ...(p.ui.mode === "edit" ? typed : { arguments: typed }) });
}

function inForm(verb) {
  return (p, { button }) => {
    p.send({ verb, ...about(p.view.card), ...readForm(button.closest(".form")) });
    p.close();
  };
}

/** Ask for the view at an event; a slider that is dragged asks ten times a second at most. */
export function seek(p, at) {
  p.ui.at = at;
  p.draw();
  clearTimeout(p.seeking);
  p.seeking = setTimeout(() => p.send({ verb: "seek", at: p.view.events[at].n ?? at }), 100);
}

function stepInTime(by) {
  return (p) => {
    const at = timeAt(p) + by;
    if (p.view.events[at]) seek(p, at);
  };
}

const LOCAL = {
  approve,
  approve_rest: approve,
  approve_same: approve,
  approve_typed: approveTyped,
  edit,
  reject,
  save,
  check_edit: check,
  reject_why: inForm("reject"),
  reply: inForm("reply"),
  up: (p, { step }) => move(p, step, -1),
  down: (p, { step }) => move(p, step, 1),
  retry: (p, { step, data }) =>
    step ? p.open({ form: { kind: "retry", n: step.n } }, ".form input") : p.send({ verb: "retry", ...data }),
  add: (p) => p.open({ form: { kind: "add" } }, ".form input"),
  send: (p) => p.open({ form: { kind: "send" } }, ".form textarea"),
  open: (p, { step }) =>
    p.send(p.view.sheet?.step === step.n ? { verb: "close" } : { verb: "output", step: step.n }),
  page: (p, { data }) => p.set({ pages: { ...p.ui.pages, [data.key]: data.at } }),
  further,
  exported: openExported,
  claim: (p, { button }) => p.set({ claim: +button.closest("[data-claim]").dataset.claim }),
  cancel: (p) => p.close(),
  goal: (p) => p.set({ open: !p.ui.open }),
  loop: (p) => p.set({ loop: !p.ui.loop }),
  fold,
  newest,
  grip: () => {}, // it is dragged, or moved by keys
  upto: (p, { data }) => p.set({ upto: p.ui.upto === data.n ? null : data.n }),
  menu: (p) =>
    p.ui.menu ? p.open({ menu: false }, "[data-act=menu]") : p.open({ menu: true }, ".menu button"),
  keys: (p) => p.open({ menu: false, keys: true }, ".sheet"),
  close: (p) => (p.ui.keys ? p.open({ keys: false }, null) : p.send({ verb: "close" })),
  earlier: stepInTime(-1),
  later: stepInTime(1),
  stop: (p) => p.stop(),
  fork: (p, { data }) =>
    p.send({
      verb: "fork",
      ...(p.view.at != null && { at: p.view.events?.[p.view.at]?.n ?? p.view.at }),
      ...data,
    }),
};

/** Do what a button says; `step` is the row it stands in. */
export function act(p, name, of = {}) {
  const before = p.sent;
  carry(p, name, of);
  if (p.sent > before && p.unheard.has(p.ref(p.sent))) beginDoing(p, name, of.step);
}

function carry(p, name, { button, step }) {
  const data = JSON.parse(button?.dataset.data ?? "{}");
  if (button?.closest(".menu")) p.open({ menu: false }, "[data-act=menu]");
  const local = LOCAL[name];
  if (local) return void local(p, { act: name, button, step, data });
  const rest = step || button?.closest(".card") ? target(p, step) : {};
  p.send({ verb: name, ...rest, ...data });
}
