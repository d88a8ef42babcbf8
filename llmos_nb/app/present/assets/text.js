// Text that came from a run: runs of words, Python colours, a line difference and a small, escaped Markdown.
import { h } from "./dom.js";

/** A link to the row that a call belongs to: of its step, or its own. */
export function callLink(id, step) {
  const label = step === id ? `call ${id}` : `call ${id}, step ${step}`;
  return h("a.id", { href: `#step-${step}`, "data-step": step, "aria-label": label }, id);
}

/** Words as nodes: "plain", ["*", strong], ["`", code], ["@", call, step]. */
export function words(value) {
  return [value ?? ""].flat().map((run) => {
    if (!Array.isArray(run)) return run;
    const [mark, text, step] = run;
    if (mark === "@") return callLink(text, step);
    return mark === "*" ? h("strong", {}, text) : codeWord(text);
  });
}

// A short name never breaks; a path may, after its separators.
function codeWord(text) {
  const parts = text.split(/(?<=[/_.])/);
  return h(
    text.length < 33 ? "code.nb" : "code",
    {},
    parts.flatMap((part, i) => (i ? [h("wbr"), part] : [part])),
  );
}

const PYTHON = new RegExp(
  [
    /(#.*)/,
    /((?:\b[rfbu]{1,2})?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))/,
    /\b(False|None|True|and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield)\b/,
    /(\b\d[\d_.]*(?:e-?\d+)?\b)/,
    /([A-Za-z_]\w*)(?=\()/,
  ]
    .map((part) => part.source)
    .join("|"),
  "g",
);

/** Colour one line of Python; enough for a card, the real editor stays Lab's. */
export function colour(line) {
  const out = [];
  let at = 0;
  for (const match of line.matchAll(PYTHON)) {
    const kind = [1, 2, 3, 4, 5].findIndex((i) => match[i]);
    out.push(line.slice(at, match.index), h(`span.${"csknf"[kind]}`, {}, match[0]));
    at = match.index + match[0].length;
  }
  return [...out, line.slice(at)];
}

/** Compare two texts line by line: [[" " | "-" | "+", line], ...]. */
export function difference(before, after) {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const same = (lines) => lines.map((line) => [" ", line]);
  const middle = align(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  return [...same(a.slice(0, head)), ...middle, ...same(a.slice(a.length - tail))];
}

// Longest common subsequence; two huge different texts are shown as a whole removed and a whole added one.
function align(a, b) {
  const replaced = [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  if (!a.length || !b.length || a.length * b.length > 250_000) return replaced;
  const best = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i][j] = a[i] === b[j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
  const out = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) out.push([" ", a[i++], j++]);
    else if (j >= b.length || (i < a.length && best[i + 1][j] >= best[i][j + 1])) out.push(["-", a[i++]]);
    else out.push(["+", b[j++]]);
  }
  return out.map(([mark, line]) => [mark, line]);
}

/** Code in a box, coloured; with `before`, as what changed since. */
export function codeBox(code, { lang = "python", label, before }) {
  const lines = before == null ? code.split("\n").map((line) => [" ", line]) : difference(before, code);
  const box = { role: "group", tabindex: 0, "aria-label": label };
  return h("div.code", box, coloured(lines, lang));
}

/** The lines of code, coloured. */
export function codeLines(code, lang) {
  return coloured(
    code.split("\n").map((line) => [" ", line]),
    lang,
  );
}

const coloured = (lines, lang) =>
  lines.map(([mark, line]) => codeLine(mark, lang === "python" ? colour(line) : [line]));

function codeLine(mark, parts) {
  if (mark === " ") return h("span", {}, h("i", { "aria-hidden": "true" }, " "), parts);
  const word = h("span.sr", {}, mark === "+" ? "added: " : "removed: ");
  return h(mark === "+" ? "span.add" : "span.del", {}, h("i", {}, word, mark), parts);
}

const INLINE =
  /\\([!-/:-@[-`{-~])|(?<!`)(`+)(?!`)(.+?)(?<!`)\2(?!`)|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s][^*]*)\*|!?\[([^\]]*)\]\(([^)\s`]*)[^)`]*\)|\b(r\d+\.\d+)\b/g;

// Links and images become their words and address as text: nothing on the panel leads out or is fetched.
function inline(text, steps) {
  const out = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const [all, escaped, , code, strong, strong2, italic, label, address, call] = match;
    out.push(text.slice(at, match.index));
    at = match.index + all.length;
    if (escaped) out.push(escaped);
    else if (code) out.push(codeWord(code));
    else if (strong || strong2) out.push(h("strong", {}, inline(strong ?? strong2, steps)));
    else if (italic) out.push(h("em", {}, inline(italic, steps)));
    else if (call) out.push(steps.has(call) ? callLink(call, steps.get(call)) : call);
    else out.push(label && address ? `${label} (${address})` : label || address);
  }
  return [...out, text.slice(at)];
}

const FENCE = /^\s*(```|~~~)/;
const ITEM = /^(\s*)(?:[-*+]|(\d+)[.)])\s+(.*)$/;
const QUOTE = /^\s{0,3}> ?/;
const HEAD = /^(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$/;
const isRow = (line) => line !== undefined && line.includes("|");

/** Markdown as nodes: paragraphs, headings, lists, tables, fenced code, strong, em, code. `steps` maps calls to steps. */
export function markdown(text, steps = new Map()) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const out = [];
  while (lines.length) {
    const line = lines[0];
    if (!line.trim()) lines.shift();
    else if (FENCE.test(line)) out.push(fence(lines));
    else if (HEAD.test(line)) out.push(h("h3.part", {}, h("span", {}, inline(lines.shift().match(HEAD)[2], steps))));
    else if (QUOTE.test(line)) out.push(blockquote(lines, steps));
    else if (ITEM.test(line)) out.push(list(lines, steps));
    else if (isRow(line) && lines[1] !== undefined && isRow(lines[1]) && RULE.test(lines[1]))
      out.push(grid(lines, steps));
    else out.push(paragraph(lines, steps));
  }
  return out;
}

function fence(lines) {
  const [, mark] = lines.shift().match(FENCE);
  const body = [];
  while (lines.length && !lines[0].trim().startsWith(mark)) body.push(lines.shift());
  lines.shift();
  return codeBox(body.join("\n"), { label: "Code in the answer" });
}

function blockquote(lines, steps) {
  const body = [];
  while (lines.length && QUOTE.test(lines[0])) body.push(lines.shift().replace(QUOTE, ""));
  return h("blockquote", {}, markdown(body.join("\n"), steps));
}

function list(lines, steps) {
  const [, indent, first] = lines[0].match(ITEM);
  const items = [];
  while (lines.length && lines[0].trim()) {
    const item = lines[0].match(ITEM);
    if (item && item[1].length <= indent.length + 1) items.push({ text: item[3], inner: [] });
    else if (item || items.at(-1).inner.length) items.at(-1).inner.push(lines[0]);
    else items.at(-1).text += ` ${lines[0].trim()}`;
    lines.shift();
  }
  return h(
    `${first ? "ol" : "ul"}.marks`,
    { start: first > 1 && first },
    items.map(({ text, inner }) =>
      h("li", { dir: "auto" }, inline(text, steps), inner.length > 0 && list(inner, steps)),
    ),
  );
}

function cells(line) {
  return line
    .trim()
    .replace(/^\||(?<!\\)\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function grid(lines, steps) {
  const heads = cells(lines.shift());
  const sides = cells(lines.shift()).map((rule) => (rule.endsWith(":") ? (rule[0] === ":" ? "center" : "right") : null));
  const rows = [];
  while (isRow(lines[0])) rows.push(cells(lines.shift()));
  const row = (kind, attrs) => (line) =>
    h(
      "tr",
      {},
      line.map((cell, i) => h(kind, { ...attrs, dir: "auto", "data-side": sides[i] }, inline(cell, steps))),
    );
  return h(
    "table",
    {},
    h("thead", {}, row("th", { scope: "col" })(heads)),
    h("tbody", {}, rows.map(row("td", {}))),
  );
}

function paragraph(lines, steps) {
  const body = [lines.shift()];
  while (lines.length && lines[0].trim() && ![FENCE, HEAD, ITEM, QUOTE].some((start) => start.test(lines[0])))
    body.push(lines.shift());
  return h("p", { dir: "auto" }, inline(body.join(" "), steps));
}
