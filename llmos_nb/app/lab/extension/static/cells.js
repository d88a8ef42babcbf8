// What the parts about cells share: cells and buttons, and their style sheet.
import { h } from "./panel/dom.js";

/** A button beside a cell, which does something of its own. */
export function button(label, act, title = null) {
  const made = h("button", { type: "button", title }, label);
  made.addEventListener("click", act);
  return made;
}

/** Call back with each code cell of a notebook, now and as it comes, once its elements are there. */
export function eachCodeCell(panel, visit) {
  const seen = new WeakSet();
  const look = () => {
    for (const cell of panel.content.widgets) {
      if (cell.model.type !== "code" || seen.has(cell)) continue;
      seen.add(cell);
      cell.ready.then(() => cell.isDisposed || visit(cell, panel));
    }
  };
  panel.context.ready.then(() => {
    if (panel.isDisposed) return;
    panel.content.model.cells.changed.connect(() => queueMicrotask(look)); // the widgets come after the models
    look();
  });
}

/** Insert a code cell and give its widget. */
export function insertCode(notebook, index, source, metadata = {}) {
  notebook.model.sharedModel.insertCell(index, { cell_type: "code", source, metadata });
  return notebook.widgets[index];
}

/** Load the style sheet of the cells, once. */
export function style() {
  if (document.getElementById("llmos-cells")) return;
  const href = new URL("cells.css", import.meta.url).href;
  document.head.append(h("link", { id: "llmos-cells", rel: "stylesheet", href }));
}

/** Whether a notebook's language is Python, or not known yet. */
export function isPython(panel) {
  return ["", undefined, "python"].includes(panel.content.model?.defaultKernelLanguage);
}
