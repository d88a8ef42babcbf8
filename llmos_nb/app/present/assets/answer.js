// The answer: its numbers are buttons that say how each is known, and light the row of the table that shows it.
import { h } from "./dom.js";
import { callLink, markdown, words } from "./text.js";

// Stand around a value while its Markdown is read; of text that came from a run they are taken out first.
const [OPEN, NUMBERED, SHUT] = ["\uE000", "\uE001", "\uE002"];
const VALUE = /\uE000(\d+)\uE001([^\uE002]*)\uE002/g;
const LEFT_OVER = /\uE000\d*\uE001?|[\uE001\uE002]/g;
// What no line may begin, or end, with; a button by itself is a word of its own to the browser.
const OPENS = /[\p{Ps}\p{Pi}\p{Sc}~≈±#]*$/u;
const CLOSES = /^[\p{Pe}\p{Pf}.,;:!?%…]*/u;

function woven(text, claims) {
  const letters = Array.from(text.replace(/[\uE000-\uE002]/g, "\uFFFD"));
  for (const [i, { at }] of [...claims.entries()].reverse()) {
    letters.splice(at[1], 0, SHUT);
    letters.splice(at[0], 0, `${OPEN}${i}${NUMBERED}`);
  }
  return letters.join("");
}

function tipOf(p, claim, id) {
  const step = claim.call && p.callSteps().get(claim.call);
  return h(
    "span.tip",
    { id, role: "tooltip" },
    h("b", {}, claim.mark),
    claim.how && h("span", {}, words(claim.how)),
    step != null && h("span.mute", {}, "in ", callLink(claim.call, step)),
  );
}

function valueButton(p, text, claim) {
  const open = p.ui.claim === claim.row;
  const id = p.ref(`claim-${claim.row}`);
  const attrs = {
    type: "button",
    dir: "auto", // a sign stays before its digits, in a line from right to left too
    "data-act": "claim",
    "data-mark": claim.kind,
    "aria-description": open ? null : claim.mark,
    "aria-describedby": open ? id : null,
  };
  return h(
    "span.value",
    { "data-claim": claim.row },
    h("button.claim", attrs, text),
    open && tipOf(p, claim, id),
  );
}

function valuedParts(p, text, claims) {
  const out = [];
  let at = 0;
  for (const found of text.matchAll(VALUE)) {
    const before = text.slice(at, found.index).replace(LEFT_OVER, "");
    const [opens] = before.match(OPENS);
    at = found.index + found[0].length;
    const [closes] = text.slice(at).match(CLOSES);
    at += closes.length;
    const button = valueButton(p, found[2], claims[found[1]]);
    out.push(before.slice(0, before.length - opens.length), opens || closes ? h("span.joined", {}, opens, button, closes) : button);
  }
  return [...out, text.slice(at).replace(LEFT_OVER, "")];
}

/** A line of the answer, which is no Markdown. */
export function valued(text, claims, p) {
  return claims ? valuedParts(p, woven(text, claims), claims) : text;
}

/** The answer as nodes. */
export function answer(b, p) {
  const claims = b.claims ?? [];
  const made = h("div.answer", {}, markdown(woven(b.markdown, claims), p.callSteps()));
  for (const code of made.querySelectorAll("code, .code")) {
    const within = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    while (within.nextNode()) within.currentNode.data = within.currentNode.data.replace(LEFT_OVER, ""); // no mark
  }
  const walker = document.createTreeWalker(made, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (/[\uE000-\uE002]/.test(walker.currentNode.data)) texts.push(walker.currentNode);
  for (const text of texts) text.replaceWith(...valuedParts(p, text.data, claims));
  return made;
}

// The part of the panel that scrolls, and cuts off what stands below it.
function scrolling(element) {
  for (let each = element.parentElement; each; each = each.parentElement)
    if (getComputedStyle(each).overflowY !== "visible") return each;
  return document.documentElement;
}

/** Keep the words that are open inside the panel: above the value where there is no room below. */
export function placeTip(p) {
  const open = p.root.querySelector(".tip");
  if (!open) return;
  open.style.left = "0";
  open.classList.remove("above");
  const [box, tip, value] = [scrolling(open), open, open.parentElement].map((each) => each.getBoundingClientRect());
  if (tip.bottom > box.bottom && value.top - tip.height - 4 > box.top) open.classList.add("above");
  const over = open.getBoundingClientRect().right - p.root.getBoundingClientRect().right + 6;
  if (over > 0) open.style.left = `${-over}px`;
}
