// The panel: a view comes in, the page is brought to it in place, verbs go out.
import { blocks, sheet } from "./blocks.js";
import { placeTip } from "./answer.js";
import { card } from "./card.js";
import { runClocks } from "./clock.js";
import { endDoing, heardDoing, ownWords, sayDoing } from "./doing.js";
import { h, icon, lazy, morphChildren } from "./dom.js";
import { announcer, holdFocus, warnBeforeLeaving } from "./focus.js";
import { strip, wasFolded } from "./fold.js";
import { foot, isLocal, restButtons } from "./foot.js";
import { header, keysSheet, runFoot } from "./header.js";
import { shieldKeys } from "./keys.js";
import { LISTENERS } from "./listeners.js";
import { followEnd } from "./live.js";
import { loopCaption, parseLoop, updateLoop } from "./loop.js";
import { currentStep, plan, verbsOf } from "./plan.js";
import { planCard, planSide } from "./plandoc.js";
import { stepSheet } from "./sheet.js";
import { fit, fitWhenShown, reveal } from "./sight.js";
import { stop } from "./stop.js";
import { initialize } from "./store.js";
import { timeline } from "./timeline.js";

const BUSY_MS = 1500;
let made = 0;

/** One panel on one page: the view it shows, what is local to it, and the element. */
class PagePanel {
  constructor(model, el) {
    this.model = model;
    this.prefix = `llm${++made}-${Math.random().toString(36).slice(2, 8)}`;
    this.ui = {
      open: false,
      menu: false,
      keys: false,
      form: null,
      mode: "",
      tab: null,
      hit: null,
      at: null,
      note: "",
      exported: null,
      claim: null,
      loop: false,
      upto: null,
      away: false,
    };
    this.unheard = new Set();
    this.sent = 0;
    this.drawn = 0;
    this.line = h("div.sr", { role: "status", "aria-live": "polite" });
    this.body = h("div.frame");
    this.root = h("section.llm", { role: "region" }, this.body, this.line);
    this.announce = announcer(this.line);
    this.drawLoop();
    el.append(this.root);
    this.view = model.get("view");
    if (this.view.id) this.ui.folded = wasFolded(this.view);
    this.show(this.view, null);
  }

  ref(name) {
    return `${this.prefix}-${name}`;
  }

  step(n) {
    return this.view.steps.find((each) => `${each.n}` === `${n}`);
  }

  /** Whether the step of a form can still be what the form says; one that runs takes an edit when it is saved. */
  takes({ kind, n }) {
    const step = this.step(n);
    return step && (step.s === "running" || verbsOf(step, this.view).includes(kind));
  }

  callSteps() {
    return new Map(this.view.steps.flatMap((each) => (each.calls ?? []).map((call) => [call, each.n])));
  }

  cardKey(view = this.view) {
    return view?.card ? JSON.stringify([view.card.call, view.card.digest, view.card.title]) : "";
  }

  drawLoop() {
    this.svg = parseLoop(this.model.get("loop_svg"));
    this.svg.dataset.key = `loop ${++this.drawn}`;
  }

  /** Why nobody answers, in words, none while that is not known yet; null while somebody does. */
  get offline() {
    return this.model.get("offline") ?? null;
  }

  /** This page's time; it stands still from when it is known that nobody answers: nothing goes on that could be timed. */
  get moment() {
    this.left = this.offline ? (this.left ?? Date.now()) : null;
    return this.left ?? Date.now();
  }

  /** Whether it went on when it was seen last, and nobody answers by now. */
  get lost() {
    return Boolean(this.offline) && this.view.acts.includes("Stop");
  }

  /** How it stands: of one that is lost, how it was seen last. */
  get standing() {
    const { glyph, state } = this.view;
    return this.lost ? [icon("pause"), ` Last seen: ${state}`] : [icon(glyph), " ", state];
  }

  /** Take a new view; `before` is the key of the card that stood there. */
  show(view, before = this.cardKey()) {
    if (!view.id) return;
    const place = holdFocus(this, before);
    const changed = view.state !== this.view.state || view.what !== this.view.what;
    const goes = changed || `${view.acts}` !== `${this.view.acts}`;
    const key = this.cardKey(view);
    const asks = key && key !== before;
    const over = view.foot && !this.view.foot;
    const news = asks || over;
    if (goes || key !== before || this.offline != null) endDoing(this);
    if (key !== before && this.ui.mode && this.decided !== before)
      this.draft = { key: before, mode: this.ui.mode, typed: this.typed() };
    if (view.sheet?.step !== this.view.sheet?.step) this.ui.pages = {};
    this.was = this.view.sheet?.step ?? null;
    this.view = view;
    if (key !== before) {
      this.cardSince = performance.now();
      this.ui.mode = key === this.draft?.key ? this.draft.mode : "";
      this.decided = null;
    }
    if (changed) Object.assign(this.ui, { note: "", exported: null });
    if (view.at === this.ui.at) this.ui.at = null;
    if (!view.card?.plan) this.ui.upto = null;
    if (this.ui.form?.n && !this.takes(this.ui.form)) {
      const typed = this.root.contains(document.activeElement) && document.activeElement.matches(".plan .form [name]");
      this.ui.form = null;
      if (typed) this.ui.note = "The step went on meanwhile: what you had typed for it was not saved.";
    }
    if (!this.step(this.ui.tab) || this.following()) this.ui.tab = currentStep(view.steps)?.n ?? null;
    this.draw();
    if (key !== before && this.ui.mode) this.typed(this.draft.typed);
    if (asks || over) fit(this);
    place();
    if (view.sheet?.step != null && view.sheet.step !== this.was) this.bring(".of-step");
    else if (news && before !== null && !this.root.querySelector("input[type=text]:focus, textarea:focus")) this.bring(".now");
    if (asks) reveal(this);
    this.speak();
  }

  // What stands in the fields of the card, or is to stand there again: its process may have lost its service meanwhile.
  typed(values) {
    const fields = [...this.root.querySelectorAll(".card [name]")];
    for (const input of fields) if (values && input.name in values) input.value = values[input.name];
    return Object.fromEntries(fields.map((input) => [input.name, input.value]));
  }

  // The tab stop goes with the current step until somebody moves it.
  following() {
    return !this.moved && !this.root.querySelector(".plan")?.contains(document.activeElement);
  }

  // A page of a step, a decision and an answer are seen from their head, however far down the plan somebody was.
  bring(selector) {
    const [body, part] = [".body", selector].map((each) => this.root.querySelector(each));
    if (body && part) body.scrollTop += part.getBoundingClientRect().top - body.getBoundingClientRect().top - 8;
  }

  // Counters change many times a second and are not worth a word: only a new state, or words made for it, are said.
  speak() {
    const { say, state, what } = this.view;
    const key = say ?? `${state}${this.cardKey()}`;
    if (key !== this.said) this.announce(say ?? `${state}. ${what}`);
    this.said = key;
  }

  // To take out the element that has the focus fires events, whose listeners may draw again: that waits for its turn.
  draw() {
    if (!this.view.id) return;
    this.again = this.drawing;
    if (this.drawing) return;
    this.drawing = true;
    try {
      this.drawOnce();
    } finally {
      this.drawing = false;
    }
    if (this.again) this.draw();
  }

  drawOnce() {
    const { view, root } = this;
    root.dataset.tone = view.tone;
    root.dataset.state = view.id;
    root.setAttribute("aria-label", `Process ${view.name}, pid ${view.pid}`);
    root.classList.toggle("strip", Boolean(this.ui.folded));
    this.ran ||= view.acts.includes("Stop") || Boolean(view.card);
    root.toggleAttribute("data-fit", !this.ran);
    root.toggleAttribute("data-left", this.lost);
    const whole = () => [header(this), this.columns(), this.time(), foot(this) ?? runFoot(this)];
    ownWords(this);
    morphChildren(this.body, h("div", {}, this.ui.folded ? strip(this) : whole()));
    restButtons(this);
    sayDoing(this);
    placeTip(this);
    followEnd(this);
  }

  // What is shown with its own height scrolls in a frame whose height does not change while the run goes on.
  columns() {
    const side = this.view.card?.plan ? planSide(this) : plan(this);
    return h("div.body", { "data-key": "body" }, this.ui.loop && this.figure(), h("div.cols", {}, this.now(), side));
  }

  // Under the body, as what is read stays where it is when a run ends.
  time() {
    return this.view.events?.length > 0 && timeline(this);
  }

  figure() {
    updateLoop(this.svg, this.view);
    const picture = lazy("div", "picture", [this.svg], () =>
      h("div.picture", { "data-key": "picture" }, this.svg),
    );
    return h("figure.loop", {}, picture, loopCaption(this.view));
  }

  now() {
    const { view, ui } = this;
    const asked = view.card?.plan ? planCard(this) : view.card && card(this);
    const opened = !ui.keys && view.sheet?.step != null;
    const over = ui.keys ? keysSheet(this) : view.sheet && !opened && sheet(this);
    const body = asked || (!opened && blocks(view.now, this));
    const attrs = { "aria-label": "Now", tabindex: this.furthered ? -1 : null };
    return h("section.now", attrs, over, body, opened && stepSheet(this));
  }

  /** Change something local and draw. */
  set(change) {
    if (change.mode || change.form) this.ui.folded = false; // a form needs its room
    Object.assign(this.ui, change);
    this.draw();
    if (this.view.card && ("mode" in change || "form" in change)) fit(this, true);
  }

  /** The same, and put the focus on an element; with none, where the rules say. */
  open(change, selector) {
    const place = holdFocus(this, this.cardKey());
    this.set(change);
    if (selector) this.focus(selector);
    else place();
  }

  /** Leave forms without saving; what was typed into arguments goes back too. */
  close() {
    const { form, mode } = this.ui;
    if (mode === "args")
      for (const input of this.root.querySelectorAll(".args [name]"))
        input[input.type === "checkbox" ? "checked" : "value"] = input.baseValue;
    this.set({ form: null, mode: "" });
    if (mode) return this.focus(".card");
    if (form) return form.n ? this.goTo(form.n) : this.focus(`[data-act=${form.kind}]`);
  }

  focus(selector) {
    this.root.querySelector(selector)?.focus({ preventScroll: selector === ".card" });
  }

  /** Give a step the tab stop and the focus, unfolding what hides it. */
  goTo(key) {
    const n = this.step(key)?.n ?? key;
    this.moved = currentStep(this.view.steps)?.n !== n;
    this.set({ tab: n });
    const li = this.root.querySelector(`li[data-n="${n}"]`);
    if (li?.closest("details")) li.closest("details").open = true;
    li?.focus();
  }

  /** Send a verb; gives the ticket by which the process says that it heard. */
  send(message) {
    if (this.offline != null && !isLocal(message.verb)) return null;
    const seq = this.ref(++this.sent);
    try {
      this.model.send({ ...message, seq });
    } catch {
      // the kernel was restarted: nobody is there who could hear it, and nothing may be interrupted for it
      this.set({ note: `The kernel of this panel is gone. Run %agent show ${this.view.pid} in any cell.` });
      return null;
    }
    if (message.call) this.decided = this.cardKey();
    this.unheard.add(seq);
    setTimeout(() => {
      if (this.unheard.has(seq) && message.verb !== "stop")
        this.set({
          note: "The kernel is busy. It takes this up when the running call lets it, or press Stop.",
        });
    }, BUSY_MS);
    return seq;
  }

  stop() {
    return stop(this);
  }

  /** Hand steps over to JupyterLab's extension, which puts them below as cells; without it, say how that is done. */
  putCells({ pid, cells }) {
    if (!cells.length) return this.set({ note: "No step would be a cell." });
    const event = new CustomEvent("llmos:cells", { bubbles: true, cancelable: true, detail: { pid, cells } });
    const there = !this.root.dispatchEvent(event);
    const how = `Write %agent cells ${pid} in a cell: its surviving steps come below.`;
    this.set({ note: there ? "The steps stand as cells of this notebook, each to be accepted or rejected." : how });
  }

  hear(message) {
    if (message.kind === "note" || message.kind === "exported") this.doing = null; // it is the answer
    if (message.kind === "note") {
      this.set({ note: message.text });
      this.root.querySelector("p.note")?.scrollIntoView({ block: "nearest" }); // it may answer a button far below
    }
    if (message.kind === "cells") this.putCells(message);
    if (message.kind === "exported") this.set({ note: "", exported: message });
    if (message.kind !== "heard") return;
    this.unheard.delete(message.seq);
    heardDoing(this, message.seq);
    if (!this.unheard.size && this.ui.note.startsWith("The kernel is busy")) this.set({ note: "" });
  }
}

function render({ model, el }) {
  const p = new PagePanel(model, el);
  const show = () => p.show(model.get("view"));
  const redraw = () => {
    p.drawLoop();
    p.draw();
  };
  const hear = (message) => p.hear(message);
  model.on("change:view", show);
  model.on("change:loop_svg", redraw);
  model.on("change:offline", show);
  model.on("msg:custom", hear);
  for (const [kind, listener] of Object.entries(LISTENERS))
    p.root.addEventListener(kind, (event) => listener(event, p));
  model.send({ verb: "sync", rev: model.get("view").rev, drawn: true });
  const ends = [warnBeforeLeaving(p), shieldKeys(p), runClocks(p), fitWhenShown(p)];
  return () => {
    for (const end of ends) end();
    model.off("change:view", show);
    model.off("change:loop_svg", redraw);
    model.off("change:offline", show);
    model.off("msg:custom", hear);
    p.root.remove();
  };
}

export default { initialize, render };
