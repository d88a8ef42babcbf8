// Elements without innerHTML: whatever comes from a run becomes a text node. `morph` brings what stands on the page to
// the new state in place, so the focus, a half-typed field and an open fold survive every update.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("div.a.b", {attr: value}, ...children)`; null and false are left out. */
export function h(tag, attrs = {}, ...kids) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attrs)) {
    if (value == null || value === false) continue;
    if (key === "value" || key === "checked") setBase(element, key, value);
    else if (key === "width") element.style.width = value;
    else if (key === "left" || key === "right") element.style[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...kids.flat(9).filter((kid) => kid != null && kid !== false));
  return element;
}

/** The same for SVG. */
export function s(tag, attrs = {}, ...kids) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attrs)) if (value != null) element.setAttribute(key, value);
  element.append(...kids);
  return element;
}

/** A child that is built only if `deps` differ from those of the element that already has this key. */
export function lazy(tag, key, deps, build) {
  const stub = h(tag, { "data-key": key });
  stub.lazyDeps = deps;
  stub.lazyBuild = build;
  return stub;
}

const ICONS = {
  pending: "M8 3.2a4.8 4.8 0 1 0 0 9.6 4.8 4.8 0 0 0 0-9.6z",
  running: "M8 2.5A5.5 5.5 0 0 1 13.5 8M8 13.5A5.5 5.5 0 0 1 2.5 8",
  waiting: "M8 1.8 14.2 8 8 14.2 1.8 8zM8 5.6v3M8 10.4v.1",
  done: "m3 8.6 3.2 3.2L13 4.6",
  ran: "M8 5.4a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2z",
  failed: "m4 4 8 8M12 4l-8 8",
  rejected: "M8 2.7a5.3 5.3 0 1 0 0 10.6A5.3 5.3 0 0 0 8 2.7zM4.3 4.3l7.4 7.4",
  skipped: "M3 4.5 7 8l-4 3.5M9 4.5 13 8l-4 3.5",
  undone: "M3 4.5 7 8l-4 3.5M9 4.5 13 8l-4 3.5",
  replaced: "M13 8a5 5 0 1 1-1.6-3.7M13 2.4v3h-3",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  danger: "M8 2.2 14.4 13.4H1.6zM8 6.4v3.4M8 11.4v.1",
  answered: "M2.8 3.6h10.4v6.8H8.2L5.2 13v-2.6H2.8z",
  stop: "M4 4h8v8H4z",
  resume: "m5 3 8 5-8 5z",
  chevron: "m6 3.5 4.5 4.5L6 12.5",
  fold: "m3.5 6 4.5 4.5L12.5 6",
  grip: "M6 4v.1M6 8v.1M6 12v.1M10 4v.1M10 8v.1M10 12v.1",
  out: "M6.5 3.5h-3v9h9v-3M9.5 3.5h3v3M12.5 3.5 7.5 8.5",
};

/** One of the icons; what it means always stands beside it in words. */
export function icon(name, extra = "") {
  const spin = name === "running" ? " spin" : "";
  const failed = name === "failed" ? " failed" : "";
  const attrs = { class: `i${spin}${failed} ${extra}`.trim(), viewBox: "0 0 16 16", "aria-hidden": "true" };
  return s("svg", attrs, s("path", { d: ICONS[name] ?? ICONS.pending }));
}

/** A button. `act` is what the panel does; its name is `say`, or else its label without `more` and the key. */
export function button(label, o = {}) {
  const attrs = {
    type: "button",
    "data-act": o.act ?? label,
    "data-data": o.data && JSON.stringify(o.data),
    "data-letter": o.key,
    "aria-label": o.say,
    "aria-keyshortcuts": o.key && shortcut(o.key),
    "aria-describedby": o.by,
    "aria-description": o.more,
    "aria-disabled": o.off ? "true" : null,
    "aria-busy": o.busy ? "true" : null,
    "aria-expanded": o.expanded,
    "aria-haspopup": o.popup,
    tabindex: o.tab,
    role: o.role,
  };
  const more = o.more && h("span", { "aria-hidden": "true" }, ` ${o.more}`);
  const key = o.key && h("kbd", { "aria-hidden": "true" }, o.key);
  const words = (label || more) && h("span", {}, label, more);
  return h(`button${o.look ?? ""}`, attrs, o.icon && icon(o.icon), words, key);
}

/** Whether a button keeps its place and cannot be pressed now. */
export const isOff = (element) => element.getAttribute("aria-disabled") === "true";

function shortcut(key) {
  return key.replace("⇧ ", "Shift+").replace("Ctrl ↵", "Control+Enter").replace("Esc", "Escape");
}

/** Bring the children of `old` to those of `fresh`: pair them, remove what has no pair, then put them in order. */
export function morphChildren(old, fresh) {
  const kept = new Map();
  const plain = [];
  for (const child of old.childNodes) keyOf(child) ? kept.set(keyOf(child), child) : plain.push(child);
  const wanted = [...fresh.childNodes];
  const pairs = wanted.map((want) => {
    const have = keyOf(want) ? kept.get(keyOf(want)) : plain.shift();
    return have && alike(have, want) ? have : null;
  });
  const stays = new Set(pairs);
  for (const child of [...old.childNodes]) if (!stays.has(child)) child.remove();
  let at = old.firstChild;
  wanted.forEach((want, i) => {
    if (!pairs[i]) old.insertBefore(whole(want), at);
    else if (pairs[i] === at) at = at.nextSibling;
    else old.insertBefore(pairs[i], at);
    if (pairs[i]) morph(pairs[i], want);
  });
}

function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (fresh.lazyBuild) {
    if (same(old.lazyDeps, fresh.lazyDeps)) return;
    old.lazyDeps = fresh.lazyDeps;
    fresh = fresh.lazyBuild();
  }
  morphAttributes(old, fresh);
  if ("baseValue" in fresh) morphField(old, fresh);
  else morphChildren(old, fresh);
}

function morphAttributes(old, fresh) {
  for (const { name } of [...old.attributes]) {
    const own = name === "open" && old.nodeName === "DETAILS"; // the reader folds and unfolds
    if (!own && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) === value) continue;
    if (name === "style") old.style.cssText = value;
    else old.setAttribute(name, value);
  }
}

// What a person typed stays until the value that it started from changes.
function morphField(old, fresh) {
  if (old.baseValue === fresh.baseValue && old.type !== "range") return;
  setBase(old, fresh.type === "checkbox" ? "checked" : "value", fresh.baseValue);
}

function setBase(element, key, value) {
  element.baseValue = value;
  element[key] = value;
}

const place = (button) => button && `${button.dataset.act} ${button.closest("li")?.dataset.key}`;

/** Whether a click counts: the second of a double click does only on the button of the first, which may have moved away. */
export function counts(event, button, root) {
  if (event.detail < 2) root.firstClick = place(button);
  return event.detail < 2 || root.firstClick === place(button);
}

// Build what is lazy in a tree that is new as a whole.
function whole(node) {
  if (node.lazyBuild) {
    const built = whole(node.lazyBuild());
    built.lazyDeps = node.lazyDeps;
    return built;
  }
  for (const child of node.querySelectorAll?.("[data-key]") ?? [])
    if (child.lazyBuild) child.replaceWith(whole(child));
  return node;
}

const keyOf = (node) => node.dataset?.key;
const alike = (a, b) => a.nodeName === b.nodeName && a.type === b.type && keyOf(a) === keyOf(b);
const same = (a, b) => a && b && a.length === b.length && a.every((value, i) => value === b[i]);
