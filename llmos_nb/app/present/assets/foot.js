// The foot of a panel after the end: the line that asks further, and what can still be done; and what rests when nobody
// is there to answer.
import { button, h } from "./dom.js";
import { dataButton } from "./blocks.js";

/** What works without the process: it is local to this page, or stands in the notebook. */
const ALONE = new Set("goal menu keys close claim output open page fold loop exported".split(" "));
export const isLocal = (verb) => ALONE.has(verb);

function askLine(p) {
  const field = {
    name: "further",
    rows: 1,
    placeholder: "Ask further…",
    "aria-label": "Ask further",
    autocomplete: "off",
    value: "",
    disabled: p.offline != null,
  };
  return h(
    "div.ask",
    { "data-key": "ask" },
    h("textarea", field),
    button("Ask", { act: "further", key: "↵" }),
  );
}

/** The notebook that was written: what became of it, what it holds, and the way to it. */
export function exported(p) {
  const { exported: found } = p.ui;
  if (!found) return null;
  const name = found.path.split(/[\\/]/).at(-1);
  return h(
    "div.exported",
    { "data-key": "exported", role: "status" },
    h("span", {}, h("b", {}, name), found.holds && `, ${found.holds}. `, h("span.mute", {}, found.said)),
    button("Open", { act: "exported", icon: "out", say: `Open ${name}` }),
  );
}

/** Open it: JupyterLab's extension does, elsewhere it is said where it is. */
export function openExported(p) {
  const { path, place } = p.ui.exported;
  const event = new CustomEvent("llmos:open", { bubbles: true, cancelable: true, detail: { path, place } });
  if (p.root.dispatchEvent(event)) p.set({ note: `It is at ${path}` });
}

/** The foot; nothing while the process goes on. */
export function foot(p) {
  const { foot } = p.view;
  if (!foot) return null;
  return h(
    "footer.foot",
    { "data-key": "foot", "aria-label": "What can be done now" },
    exported(p),
    foot.ask && askLine(p),
    h(
      "div.go",
      {},
      foot.buttons.map((b) => dataButton(b)),
      foot.note && h("span.cover", {}, foot.note),
    ),
  );
}

/** Send what was typed as a new turn. */
export function further(p) {
  const field = p.root.querySelector("[name=further]");
  const text = field?.value.trim();
  if (!text) return field?.focus();
  if (p.send({ verb: "send", text }) == null) return;
  field.value = "";
  p.furthered = true;
}

/** Let buttons rest that nobody would answer. */
export function restButtons(p) {
  if (p.offline == null && !p.rested) return;
  p.rested = p.offline != null;
  for (const each of p.root.querySelectorAll("button[data-act], input[type=range]"))
    each.disabled = p.rested && !isLocal(each.dataset.act);
}
