// The page of one step, in the place of *now*: verdict, changes, code, what it gave; and the pieces that only it has.
import { blocks, caption, lead } from "./blocks.js";
import { button, h } from "./dom.js";
import { codeBox, markdown, words } from "./text.js";

const PAGE = 8; // rows of a table that stand on a page at once

/** Whether a row can be opened: one that has run something. */
export const opens = (step) => step.calls?.length > 0 && !["pending", "waiting"].includes(step.s);

/** A row's chevron; its name says the step. */
export function opener(p, step, named, tab) {
  const open = p.view.sheet?.step === step.n;
  const say = `${open ? "Close" : "Open"} ${named}`;
  return button("", { act: "open", icon: "chevron", say, look: ".bare.open", expanded: `${open}`, tab });
}

/** What was printed, or the text of a value, as it came. */
export function printedBlock(b) {
  const box = { role: "group", tabindex: 0, "aria-label": b.label };
  return h("div", {}, sub(b.label.split(" of ")[0], b.side), h("div.out", box, b.code));
}

/** Markdown that a step displayed: nothing of it is ours. */
export function markdownBlock(b, p) {
  const box = { role: "group", "aria-label": b.label };
  return h("div", {}, sub(b.label.split(" by ")[0]), h("div.out.rich", box, markdown(b.markdown, p.callSteps())));
}

function sub(name, side) {
  return h("h3", {}, h("span", {}, name), side && h("span", {}, side));
}

/** Names and words beside them: tokens and time. */
export function pairsBlock(b) {
  const list = b.pairs.map(([name, said]) => [h("dt", {}, words(name)), h("dd", {}, words(said))]);
  return h("div", {}, sub(b.label), h("dl.pairs", {}, list));
}

/** Code as it ran or, where it was edited, as the difference to what was proposed. */
export function codeBlock(b, p) {
  if (b.before == null) return h("div", {}, b.cap && caption(b.cap, b.side), boxOf(b));
  const asRun = p.ui.pages?.[b.label] === "run";
  const choice = (label, run) =>
    h(
      "button",
      {
        type: "button",
        "data-act": "page",
        "data-data": JSON.stringify({ key: b.label, at: run ? "run" : "diff" }),
        "aria-pressed": `${run === asRun}`,
      },
      label,
    );
  const seg = h("span.seg", {}, choice("As run", true), choice("Diff to proposed", false));
  const cap = h("div.cap", {}, h("span", {}, words(b.cap)), seg);
  return h("div", {}, cap, boxOf(b, asRun ? null : b.before));
}

const boxOf = (b, before) => codeBox(b.code, { lang: b.lang, before, label: b.label ?? "Code" });

/** A table by pages: dropped rows are struck through, a column that the step added is tinted. */
export function gridBlock(b, p) {
  const last = Math.max(b.lines.length - PAGE, 0);
  const at = Math.min(p.ui.pages?.[b.caption] ?? 0, last);
  const look = (i) => `${b.numeric[i + 1] ? ".r" : ""}${b.fresh[i] ? ".new" : ""}`;
  const heads = b.heads.map((head, i) => h(`th${look(i)}`, { scope: "col" }, head));
  const side = b.numeric[0] ? "th.r" : "th"; // of the labels
  const row = ([gone, label, ...cells]) => {
    const first = h(side, { scope: "row" }, gone && h("span.sr", {}, "dropped: "), label);
    return h(gone ? "tr.gone" : "tr", {}, first, cells.map((cell, i) => h(`td${look(i)}`, {}, cell)));
  };
  const corner = h(side, { scope: "col" }, h("span.sr", {}, "row"));
  const rows = b.lines.slice(at, at + PAGE).map(row);
  const parts = [h("thead", {}, h("tr", {}, corner, heads)), h("tbody", {}, rows)];
  const scroll = { tabindex: 0, role: "group", "aria-label": `${b.caption}, ${b.note}` };
  const table = h("table", {}, h("caption.sr", {}, b.caption), parts);
  return h("div", {}, sub(b.caption, b.note), h("div.grid", scroll, table), pager(b, at, last));
}

function pager(b, at, last) {
  if (!last) return null;
  const turn = (label, say, to) =>
    h("button.bare", {
      type: "button",
      "data-act": "page",
      "data-data": JSON.stringify({ key: b.caption, at: to }),
      "aria-label": say,
      "aria-disabled": to === at ? "true" : null,
    }, label);
  const end = Math.min(at + PAGE, b.lines.length);
  const say = h("span", { role: "status" }, `${at + 1}–${end} of the ${b.lines.length} that are shown`);
  const back = turn("‹", `Earlier ${PAGE} rows`, Math.max(at - PAGE, 0));
  return h("div.pager", {}, say, h("span.gap"), back, turn("›", `Next ${PAGE} rows`, Math.min(at + PAGE, last)));
}

/** The page of a step, closed by Esc. */
export function stepSheet(p) {
  const { sheet, steps } = p.view;
  const all = steps.filter(opens);
  const at = all.findIndex((step) => step.n === sheet.step);
  const go = (by, label, say) => {
    const to = all[at + by];
    const data = to && { step: to.n };
    return to && button(label, { act: "output", data, say: `${say}, ${to.n}`, look: ".bare" });
  };
  const head = h(
    "div.head",
    {},
    lead(sheet.title, sheet.glyph, p.ref("sheet")),
    go(-1, "‹", "Step before"),
    go(1, "›", "Step after"),
    button("Close", { act: "close", key: "Esc", look: ".bare" }),
  );
  const foot = sheet.foot && h("div.foot", {}, blocks([sheet.foot], p));
  const attrs = { "data-key": "sheet of a step", tabindex: -1, "aria-labelledby": p.ref("sheet") };
  return h("section.sheet.of-step", attrs, head, blocks(sheet.blocks, p), foot);
}
