// A card of its own: what waits goes where others chose. Reject comes first, and approving needs the domain, typed.
import { dataButton, lead, table } from "./blocks.js";
import { argumentTable, codePart, why } from "./card.js";
import { button, h } from "./dom.js";
import { rejectForm } from "./editor.js";
import { words } from "./text.js";

/** A value in pieces: each character that is not what it seems stands in a box, with its name. */
export function pieces(list, brief) {
  return list.map((piece) => {
    if (!Array.isArray(piece)) return piece;
    const [character, code, what] = piece;
    const unseen = what === "invisible";
    const name = h("small", {}, brief ? h("span.sr", {}, code) : code);
    const shown = unseen ? (brief ? "·" : "") : character;
    return h(unseen ? "span.odd.unseen" : "span.odd", { title: `${code}, ${what}` }, shown, name, h("span.sr", {}, `, ${what}`));
  });
}

function look(d) {
  const row = (name, value, mark) => value && [h("dt", {}, name), h(`dd${mark ?? ""}`, {}, value)];
  return h(
    "dl.look",
    {},
    row(d.name, pieces(d.value), ".adr"),
    (d.more ?? []).map(([name, value]) => row(name, pieces(value), ".adr")),
    row("you named", d.named, ".adr"),
    row("as sent", d.sent && h("code", {}, d.sent)),
  );
}

function quote({ head, lines }) {
  const line = ([hit, before, found, after]) => {
    const value = found?.length ? h("strong.mk", {}, pieces(found, true)) : null;
    return h(hit ? "tr.hit" : "tr", {}, h("td", {}, before, value, after));
  };
  return h(
    "table.quote",
    {},
    h("caption.sr", {}, "Where it stands, as it came"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, head))),
    h("tbody", {}, lines.map(line)),
  );
}

function others(args, name) {
  const rows = args.filter((arg) => arg.name !== name);
  if (!rows.length) return null;
  const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  return table({
    caption: "The other arguments",
    heads: ["argument", "value", "who chose it"],
    rows: rows.map((arg) => [[["`", arg.name]], text(arg.value), arg.origin]),
  });
}

/** Whether what was typed is what would be sent. */
export const isTyped = (p) => (p.ui.typed ?? "") === p.view.card.danger.confirm;

function typedForm(p, d) {
  const typed = p.ui.typed ?? "";
  const other = typed && !d.confirm.startsWith(typed);
  const id = p.ref("typed");
  const field = h("input", { type: "text", id, name: "typed", autocomplete: "off", spellcheck: "false", value: "" });
  const approve = button("Approve", { act: "approve_typed", look: ".bare" });
  if (!isTyped(p)) approve.setAttribute("disabled", "");
  return h(
    "div.form.typed",
    { "data-key": "typed" },
    h("label", { for: id }, d.ask),
    h("div.go", {}, field, approve, button("Back", { act: "cancel", key: "Esc" })),
    h("p.cover", { role: "status" }, other ? `What you typed is another ${d.noun} than the one that this would go to.` : ""),
  );
}

function dangerVerbs(c) {
  const last = c.buttons.length - 1;
  const look = (b, i) => (b.main ? ".stopit" : i === last ? ".bare.far" : "");
  return h(
    "div.go.dec",
    { "data-key": "verbs" },
    c.buttons.map((b, i) => dataButton({ ...b, main: false }, { look: look(b, i) })),
  );
}

/** The card of a call that goes where others chose. */
export function dangerCard(p, changed) {
  const { card: c } = p.view;
  const { mode } = p.ui;
  const d = c.danger;
  const form = { reject: rejectForm, typed: () => typedForm(p, d) }[mode];
  return [
    lead(c.title, "danger", p.ref("lead")),
    h("p.from", { id: p.ref("why") }, words(d.came)),
    look(d),
    d.odd && h("p", {}, h("b.err", {}, d.odd)),
    d.quote && quote(d.quote),
    why(c),
    c.code != null && codePart(c, mode === "edit"),
    c.args?.length > 0 && (mode === "args" ? argumentTable(c.args) : others(c.args, d.name)),
    c.table && table(c.table),
    changed || (form ? form() : dangerVerbs(c)),
    !form && !changed && h("p.cover", {}, words(c.cover)),
  ];
}
