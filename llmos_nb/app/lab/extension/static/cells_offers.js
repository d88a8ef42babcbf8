// Steps of a process offered as cells, each to be accepted or rejected: `%agent cells P` and the panel's button.
//
// An offered cell is a code cell whose metadata say so, so that it outlives a reload. A step that corrects a cell of
// the notebook's stands below it as a change, and accepting it puts its text there.
import { changeOf } from "./cells_diff.js";
import { button, eachCodeCell, style } from "./cells.js";
import { h } from "./panel/dom.js";

const KEY = "llmos";
const PAYLOAD = "llmos_cells";

const TOGETHER_MS = 500;
const updates = new WeakMap(); // what draws the bar of a cell
const taken = new WeakMap(); // of a notebook: what panels last handed over; two views of one panel do it twice

const offerOf = (cell) => (cell.isDisposed ? undefined : cell.model.getMetadata(KEY)?.offer);
const sourceOf = (cell) => cell.model.sharedModel.getSource();

/** Put offers below a cell, those that correct another below that one; it is one change, to be undone as one. */
function offer(notebook, below, { pid, cells }) {
  const group = `${pid}-${Date.now().toString(36)}`;
  const { sharedModel } = notebook.model;
  const own = notebook.widgets.filter((cell) => cell.model.type === "code" && !offerOf(cell));
  const places = cells.map(({ call, title, code, replaces }) => {
    const old = replaces && own.findLast((cell) => sourceOf(cell).trimEnd() === replaces.trimEnd());
    const about = { pid, call, title, group, ...(old && { replaces: old.model.id }) };
    return { at: notebook.widgets.indexOf(old || below) + 1, code, about };
  });
  sharedModel.transact(() => {
    for (const { at, code, about } of places.reverse().sort((one, other) => other.at - one.at))
      sharedModel.insertCell(at, { cell_type: "code", source: code, metadata: { [KEY]: { offer: about } } });
  });
  if (places.every(({ about }) => about.replaces)) {
    notebook.activeCellIndex = places.at(-1).at; // it may be out of view
    notebook.scrollToCell?.(notebook.activeCell);
  }
  return group;
}

/** Have the first of a group in view, and the focus on its decision. */
async function begin(notebook, group) {
  const [first] = grouped(notebook, { group });
  notebook.activeCellIndex = notebook.widgets.indexOf(first);
  await notebook.scrollToCell?.(first);
  await first.ready;
  setTimeout(() => first.node.querySelector(".llmos-offer button")?.focus()); // once its bar is drawn
}

/** Take a cell away that has only just come: Lab has yet to draw it, and cannot bear that it is gone before. */
async function leave(notebook, cell) {
  cell.hide();
  await cell.ready;
  setTimeout(() => {
    const n = notebook.widgets.indexOf(cell);
    if (n >= 0) notebook.model.sharedModel.deleteCell(n);
  }, 200);
}

/** The offered cells that belong to one. */
function grouped(notebook, { group }) {
  return notebook.widgets.filter((cell) => offerOf(cell)?.group === group);
}

/** The cell that an offer corrects, while it is there. */
function corrected(notebook, { replaces }) {
  return replaces && notebook.widgets.find((cell) => cell.model.id === replaces);
}

/** Where all of a group can be decided: at its first cell, and at the first that is new, which may be far below. */
function firsts(cells) {
  return [cells[0], cells.find((cell) => !offerOf(cell).replaces)];
}

function decide(notebook, cells, accepted) {
  const { sharedModel } = notebook.model;
  const at = notebook.widgets.indexOf(cells[0]);
  sharedModel.transact(() => {
    const gone = cells.filter((cell) => {
      const old = corrected(notebook, offerOf(cell));
      if (accepted && old) old.model.sharedModel.setSource(sourceOf(cell));
      return old || !accepted;
    });
    for (const cell of cells) if (!gone.includes(cell)) cell.model.deleteMetadata(KEY);
    for (const n of gone.map((cell) => notebook.widgets.indexOf(cell)).reverse()) sharedModel.deleteCell(n);
  });
  const next = notebook.widgets.find((cell, n) => n >= at && offerOf(cell)) ?? notebook.widgets.find(offerOf);
  notebook.activeCellIndex = next ? notebook.widgets.indexOf(next) : Math.min(at, notebook.widgets.length - 1);
  // once the bars are drawn anew
  setTimeout(() => (next?.node.querySelector(".llmos-offer button") ?? notebook.activeCell?.node)?.focus());
}

export async function plugins(shared) {
  const { INotebookTracker, NotebookActions } = await shared("@jupyterlab/notebook");
  const { Widget } = await shared("@lumino/widgets");
  const view = await shared("@codemirror/view");
  const state = await shared("@codemirror/state");
  style();

  function bar(cell, notebook) {
    const about = offerOf(cell);
    const all = () => grouped(notebook, about);
    const several = firsts(all()).includes(cell) && all().length;
    const what = corrected(notebook, about) ? "change of the cell above" : "new cell";
    const group = { role: "group", "aria-label": `Offered by process ${about.pid}, ${about.call}: ${what}` };
    return h(
      "div.llmos-row.llmos-offer",
      group,
      h("span", {}, h("b", {}, about.call), ` ${what}`, about.title ? ` · ${about.title}` : ""),
      button("Accept", () => decide(notebook, [cell], true)),
      button("Reject", () => decide(notebook, [cell], false)),
      several > 1 && button(`Accept all ${several}`, () => decide(notebook, all(), true)),
      several > 1 && button("Reject all", () => decide(notebook, all(), false)),
    );
  }

  /** Keep the bar above a cell while it is offered, and show it as a change where it is one. */
  function follow(cell, { content: notebook }) {
    let row = null;
    let drawn = "";
    let redraw = null;
    const update = () => {
      if (cell.isDisposed) return;
      const about = offerOf(cell);
      const node = about && bar(cell, notebook);
      if (drawn === (node?.textContent ?? "")) return;
      drawn = node?.textContent ?? "";
      cell.toggleClass("llmos-offered", about !== undefined);
      row?.dispose();
      row = node ? new Widget({ node }) : null;
      if (row) cell.layout.insertWidget(1, row);
      if (redraw) redraw();
      else if (about && corrected(notebook, about)) redraw = showChange(cell, notebook);
    };
    updates.set(cell, update);
    cell.model.metadataChanged.connect(update);
    update();
  }

  /** Show an offer as a change of the cell that it corrects, while it is one; gives what has it drawn anew. */
  function showChange(cell, notebook) {
    const old = () => corrected(notebook, offerOf(cell) ?? {});
    const { extension, changed } = changeOf(() => (old() ? sourceOf(old()) : null), view, state);
    cell.editor?.injectExtension(extension);
    const redraw = () => cell.isDisposed || cell.editor?.editor.dispatch(changed());
    old().model.contentChanged.connect(redraw);
    return redraw;
  }

  function followAll(panel) {
    eachCodeCell(panel, follow);
    // the bar says how many there are, and whether the cell is there that one corrects
    panel.context.ready.then(() =>
      panel.content.model?.cells.changed.connect(() =>
        queueMicrotask(() => {
          for (const cell of panel.isDisposed ? [] : panel.content.widgets) if (offerOf(cell)) updates.get(cell)?.();
        }),
      ),
    );
  }

  /** Replace the one cell that every front end gets by the offers, which stand in the same reply. */
  async function replied(notebook, cell) {
    const reply = await cell.outputArea?.future?.done;
    const payload = reply?.content.payload?.find(({ source }) => source === PAYLOAD);
    if (!payload) return;
    const one = notebook.widgets[notebook.widgets.indexOf(cell) + 1];
    const was = one && sourceOf(one) === payload.cells.map(({ code }) => code).join("\n\n") ? one : null;
    if (was) leave(notebook, was);
    offer(notebook, cell, payload);
    if (notebook.activeCell === was) notebook.activeCellIndex = notebook.widgets.indexOf(cell) + 1;
  }

  return [
    {
      id: "llmos_nb:offers",
      autoStart: true,
      requires: [INotebookTracker],
      activate(_, tracker) {
        tracker.widgetAdded.connect((_, panel) => followAll(panel));
        tracker.forEach(followAll);
        NotebookActions.executed.connect((_, { notebook, cell }) => {
          if (cell.model.type === "code") replied(notebook, cell);
        });
        document.addEventListener("llmos:cells", (event) => {
          const panel = tracker.find(({ content }) => content.node.contains(event.target));
          const cell = panel?.content.widgets.find(({ node }) => node.contains(event.target));
          if (!cell) return;
          event.preventDefault(); // which tells the panel that the cells are there
          const known = taken.get(panel.content.model.sharedModel);
          taken.set(panel.content.model.sharedModel, { at: event.timeStamp, pid: event.detail.pid });
          const again = known?.pid === event.detail.pid && event.timeStamp - known.at < TOGETHER_MS;
          if (!again) begin(panel.content, offer(panel.content, cell, event.detail));
        });
      },
    },
  ];
}
