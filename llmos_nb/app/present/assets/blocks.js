// The pieces that *now* is made of, each from plain data; see `Block` in panel_state.py.
import { answer, valued } from "./answer.js";
import { button, h, icon } from "./dom.js";
import { codeBlock, gridBlock, markdownBlock, pairsBlock, printedBlock } from "./sheet.js";
import { live } from "./live.js";
import { codeBox, words } from "./text.js";

/** A button from data; in the card `shared` names what it is about. */
export function dataButton(b, o = {}) {
  const look = `${b.main ? ".main" : ""}${o.look ?? ""}`;
  return button(b.label, { act: b.verb, data: b.data, key: b.key, more: b.more, look, by: o.by, off: b.off });
}

const isButton = (cell) => cell && typeof cell === "object" && !Array.isArray(cell);
const cell = (value) => (isButton(value) ? dataButton(value) : words(value));

/** A table with a caption for those who do not see it. */
export function table({ caption, heads, rows, plain, numbers }, p) {
  const row = (cells, at) =>
    h(
      numbers && p?.ui.claim === at ? "tr.hit" : "tr",
      {},
      cells.map((value, i) => (i ? h("td", {}, cell(value)) : h("th", { scope: "row" }, cell(value)))),
    );
  return h(
    plain ? "table.do" : "table",
    {},
    h("caption.sr", {}, caption),
    heads &&
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((head) => h("th", { scope: "col" }, head)),
        ),
      ),
    h("tbody", {}, rows.map(row)),
  );
}

/** The line over a box of code: what it is, and under which bounds. */
export function caption(cap, side) {
  return h("div.cap", {}, h("span", {}, words(cap)), side && h("span", {}, side));
}

/** The title of *now* or of the card. */
export function lead(text, glyph, id) {
  return h("h3.lead", { id }, icon(glyph), h("span", {}, text));
}

const KINDS = {
  lead: (b, p) => lead(valued(b.text, b.claims, p), b.glyph ?? p.view.glyph),
  heading: (b) => h("h3", {}, b.text),
  text: (b) => h(b.mute ? "p.mute" : "p", {}, b.glyph && [icon(b.glyph), " "], words(b.words)),
  code: codeBlock,
  printed: printedBlock,
  markdown: markdownBlock,
  pairs: pairsBlock,
  grid: gridBlock,
  table,
  answer,
  live,
  actions: (b) =>
    h(
      "div.go",
      {},
      b.buttons.map((x) => dataButton(x)),
      b.note && h("span.cover", {}, b.note),
    ),
  image: (b) =>
    PICTURES.includes(b.mime) &&
    /^[A-Za-z0-9+/=]+$/.test(b.data) &&
    h("img.picture", { src: `data:${b.mime};base64,${b.data}`, alt: b.label }),
  details: (b) =>
    h(
      "details",
      {},
      h("summary.mute", {}, b.summary),
      codeBox(b.code, { lang: b.lang ?? "text", label: b.label ?? b.summary }),
    ),
};

const PICTURES = ["image/png", "image/jpeg"];

/** All pieces; one of a kind that is not known is left out. */
export function blocks(list, p) {
  return (list ?? []).map((block) => KINDS[block.kind]?.(block, p));
}

/** A page over *now*, closed by Esc. */
export function sheet(p) {
  const title = h("h3.lead", { id: p.ref("sheet") }, icon("chevron"), h("span", {}, p.view.sheet.title));
  const go = h("div.go", {}, button("Close", { act: "close", key: "Esc" }));
  return h(
    "section.sheet",
    { "data-key": "sheet", tabindex: -1, "aria-labelledby": p.ref("sheet") },
    title,
    blocks(p.view.sheet.blocks, p),
    go,
  );
}
