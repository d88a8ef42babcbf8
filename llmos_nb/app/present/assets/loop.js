// The loop: one line, and behind More as Graphviz drew it, taken over element by element; then only classes and counts
// change.
import { h, s } from "./dom.js";

// The stages are those of the drawing.
const stagesOf = (svg) => [...svg.querySelectorAll("g.node")].map((node) => node.dataset.id);
const told = (svg, stage) => `The loop: ${stagesOf(svg).join(", ")}. Now: ${stage || "stopped"}.`;

/** The loop as a line: a stage is past where the run has been, counts stand before the arrows. */
export function loopLine(svg, { stage, counts = {} }) {
  const arrow = (i) => h("span.ar", { "aria-hidden": "true" }, counts[`e${i}`] && h("b", {}, counts[`e${i}`]), "→");
  const past = (i) => counts[`e${i}`] || counts[`e${i + 1}`];
  const node = (name, i) => h(`span.st${stage === name ? ".lit" : past(i) ? ".past" : ""}`, { "aria-hidden": "true" }, name);
  const again = [counts.e7 && `next step × ${counts.e7}`, counts.e8 && `re-plan × ${counts.e8}`].filter(Boolean);
  return h(
    "div.loop1",
    { "data-key": "loop line" },
    h("span.sr", {}, told(svg, stage)),
    h("span.line", {}, stagesOf(svg).map((name, i) => [i > 0 && arrow(i), node(name, i)])),
    h("span.more", {}, again.join(" · ")),
  );
}

const SHAPES = new Set(["svg", "g", "path", "polygon", "polyline", "ellipse", "text"]);
const ATTRIBUTES = new Set(
  "width height viewBox transform class d points cx cy rx ry x y text-anchor".split(" "),
);

// Only shapes and their geometry pass: no script, link, style or image can ride on the picture.
function copy(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data.trim() ? node.data : "";
  if (!SHAPES.has(node.localName)) return "";
  const attrs = {};
  for (const { name, value } of node.attributes) if (ATTRIBUTES.has(name)) attrs[name] = value;
  const id = node.getAttribute("id");
  if (id && node.localName === "g") attrs["data-id"] = id;
  const made = s(node.localName, attrs, ...[...node.childNodes].map(copy));
  if (node.localName === "text") made.dataset.label = made.textContent;
  return made;
}

/** Read Graphviz's SVG. */
export function parseLoop(text) {
  const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  if (root.localName !== "svg") return s("svg", { width: 1, height: 1 });
  const svg = copy(root);
  for (const size of ["width", "height"])
    svg.setAttribute(size, Math.round(Number.parseFloat(root.getAttribute(size))));
  svg.setAttribute("role", "img");
  return svg;
}

/** Light the stage and write the counts. */
export function updateLoop(svg, { stage, counts = {} }) {
  svg.setAttribute("aria-label", told(svg, stage));
  for (const group of svg.querySelectorAll("[data-id]")) {
    const id = group.dataset.id;
    if (!group.classList.contains("edge")) {
      group.classList.toggle("lit", id === stage);
      continue;
    }
    const text = group.querySelector("text");
    const label = text?.dataset.label.replace("00", counts[id] ?? "");
    if (text && text.textContent !== label) text.textContent = label;
    group.classList.toggle("zero", !counts[id]);
  }
}

function edge([x1, y1], [x2, y2]) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [ex, ey] = [x2 - ux * 10, y2 - uy * 10];
  const tip = `${ex},${ey} ${ex - ux * 5 - uy * 2},${ey - uy * 5 + ux * 2} ${ex - ux * 5 + uy * 2},${ey - uy * 5 - ux * 2}`;
  const line = `M${x1 + ux * 10} ${y1 + uy * 10}L${ex - ux * 4} ${ey - uy * 4}`;
  return s("g", { class: "edge" }, s("path", { d: line }), s("polygon", { points: tip }));
}

const LOOK = { waiting: "lit", running: "lit", done: "done", pending: "" };

/** The plan's own graph, up to a dozen steps. */
export function dag({ dag: { w, h: height, n, e }, dagsay, steps }) {
  const status = new Map(steps.map((step) => [`${step.n}`, step.s]));
  const node = ([id, [x, y]]) =>
    s(
      "g",
      { class: `node ${LOOK[status.get(id)] ?? "off"}` },
      s("ellipse", { cx: x, cy: y, rx: 9.5, ry: 9.5 }),
      s("text", { x, y: y + 4, "text-anchor": "middle" }, id),
    );
  const attrs = { width: w, height, viewBox: `0 0 ${w} ${height}`, role: "img", "aria-label": dagsay };
  return s("svg", attrs, ...e.map(([a, b]) => edge(n[a], n[b])), ...Object.entries(n).map(node));
}

/** The figure; its picture is kept by the panel and never drawn again. */
export function loopCaption(view) {
  return view.dag ? h("figcaption.dag", {}, dag(view), h("span", {}, view.dagnote)) : null;
}
