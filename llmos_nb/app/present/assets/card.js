// What waits for a person: what it wants, why it asks, risks, code or arguments, reads and writes, verbs, what they cover.
import { button, h, icon } from "./dom.js";
import { caption, dataButton, lead, table } from "./blocks.js";
import { dangerCard } from "./danger.js";
import { argumentField, questionForm, rejectForm } from "./editor.js";
import { refusal } from "./refused.js";
import { codeBox, words } from "./text.js";

const CHECK = { act: "check_edit", look: ".main", key: "Ctrl ↵" };

/** Why it asks, and the risks that were found. */
export function why(c) {
  return [h("p.mute", {}, words(c.why)), c.risks?.length > 0 && risks(c.risks)];
}

function risks(list) {
  return h(
    "dl.risks",
    {},
    list.map(([name, why]) => [h("dt", {}, name), h("dd", {}, words(why))]),
  );
}

/** The code of the call, or a field to edit it in. */
export function codePart(card, editing) {
  if (!editing) {
    const box = codeBox(card.code, { lang: card.lang, before: card.model_code, label: "Code of this call" });
    if (card.held?.line && !card.model_code) standsStill(box.children[card.held.line - 1]);
    return h("div", { "data-key": "code" }, caption(card.cap, card.side), box);
  }
  const attrs = {
    name: "code",
    rows: card.code.split("\n").length + 1,
    spellcheck: "false",
    "aria-label": card.step ? `Code of step ${card.step}` : "Code",
    value: card.code,
  };
  return h(
    "div",
    { "data-key": "editing" },
    caption("Python, your version", "Esc takes it back"),
    h("textarea", attrs),
  );
}

function standsStill(line) {
  line?.classList.add("here");
  line?.prepend(h("span.sr", {}, "It stands still here: "));
}

// What a step that is held has done so far, and what it is about to do.
function soFar({ done, effect, why: reason, pairs }) {
  const row = (look, glyph, what, why) => h(`li${look}`, {}, icon(glyph), h("span", {}, what), h("span.mute", {}, why));
  return [
    h(
      "ul.sofar",
      {},
      done.map(([what, why]) => row("", "done", what, why)),
      row(".y", "waiting", effect, reason),
    ),
    pairs && h("dl.pairs", {}, pairs.map(([name, said]) => [h("dt", {}, words(name)), h("dd", {}, words(said))])),
  ];
}

/** The arguments as fields. */
export function argumentTable(args) {
  const heads = ["argument", "value, you may change it", "where it comes from"];
  const row = (arg) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("code", {}, arg.name)),
      h("td", {}, argumentField(arg)),
      h("td", {}, words(arg.origin)),
    );
  return h(
    "table.args",
    { "data-key": "args" },
    h("caption.sr", {}, "Arguments"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        heads.map((head) => h("th", { scope: "col" }, head)),
      ),
    ),
    h("tbody", {}, args.map(row)),
  );
}

function checkVerbs(p) {
  const buttons = [button("Check my version", CHECK), button("Cancel", { act: "cancel", key: "Esc" })];
  return h("div", { "data-key": "check" }, refusal(p, "card"), h("div.go", {}, buttons));
}

function verbs(p, card, changed) {
  if (changed) return checkVerbs(p);
  const by = (b) => (b.verb === "approve_rest" || b.verb === "approve_same" ? p.ref("cover") : null);
  return h(
    "div.go",
    { "data-key": "verbs" },
    card.buttons.map((b) => dataButton(b, { by: by(b) })),
  );
}

/** The card. Every call gets an element of its own, so a focus on one call's button never lands on the next one's. */
export function card(p) {
  const { card: c } = p.view;
  const { mode } = p.ui;
  const attrs = {
    "data-key": `card ${p.cardKey()}`,
    tabindex: -1,
    role: "group",
    "aria-labelledby": p.ref("lead"),
    "aria-describedby": p.ref("why"),
  };
  const changed = mode === "edit" || mode === "args";
  if (c.danger) return h("section.card.danger", attrs, dangerCard(p, changed && checkVerbs(p)));
  const quiet = changed || mode === "reject" || c.question;
  return h(
    "section.card",
    attrs,
    lead(c.title, "waiting", p.ref("lead")),
    h("p", { id: p.ref("why") }, words(c.why)),
    c.held && soFar(c.held),
    c.risks?.length > 0 && risks(c.risks),
    c.code != null && codePart(c, mode === "edit"),
    c.args?.length > 0 && argumentTable(c.args),
    c.table && table(c.table),
    mode === "reject" ? rejectForm() : c.question ? questionForm(c.question) : verbs(p, c, changed),
    !quiet && c.cover && h("p.cover", { id: p.ref("cover") }, words(c.cover)),
  );
}
