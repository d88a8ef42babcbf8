// "Ask agent here": a `%%agent` cell below the active one; on a traceback, "Fix with agent".
import { button, eachCodeCell, insertCode, isPython, style } from "./cells.js";
import { fixGoal } from "./cells_goal.js";
import { h } from "./panel/dom.js";

const LOAD = "%load_ext llmos_nb";
const ASK = "llmos:ask-here";
const FIX = "llmos:fix-cell";
const OURS = /^\s*(%{1,2}agent\b|%load_ext llmos_nb)/m; // cells that no agent can be asked about
const UNKNOWN = /UsageError: .*`%{1,2}agent` not found/; // what IPython prints where nobody has loaded us
const PATIENCE_MS = 2000;
const [TRIES, TRY_MS] = [40, 50];

/** Whether the session of a notebook has loaded us: only then is an option of ours completed; null if it is busy. */
async function loaded(panel) {
  const session = panel.sessionContext.session?.kernel;
  if (!session) return false;
  const code = "%%agent --isol";
  const asked = session.requestComplete({ code, cursor_pos: code.length });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  const reply = await Promise.race([asked, late]).catch(() => null);
  return reply && (reply.content.matches ?? []).includes("--isolate");
}

/** Keep a tool beside the kind of cell: a toolbar is filled, item by item, also after its notebook is opened. */
async function place(toolbar, tool) {
  for (let i = 0; i < TRIES && !toolbar.isDisposed; i++) {
    const names = [...toolbar.names()];
    if (names.indexOf("llmosAsk") !== names.indexOf("cellType") + 1) {
      tool.parent = null;
      toolbar.insertAfter("cellType", "llmosAsk", tool);
    }
    await new Promise((done) => setTimeout(done, TRY_MS));
  }
  if (!toolbar.isDisposed && !tool.parent) toolbar.insertItem(10, "llmosAsk", tool);
}

export async function plugins(shared) {
  const { INotebookTracker, NotebookActions } = await shared("@jupyterlab/notebook");
  const { CodeCell } = await shared("@jupyterlab/cells");
  const { ICommandPalette, ToolbarButton } = await shared("@jupyterlab/apputils");
  const { Widget } = await shared("@lumino/widgets");
  style();

  /** See to it that a notebook's session has loaded us; the cell that does it stands above the one given. */
  async function load(panel, cell) {
    const is = await loaded(panel);
    const notebook = panel.content;
    const sources = notebook.widgets.map((each) => each.model.sharedModel.getSource());
    if (is || cell.isDisposed || (is === null && sources.some((source) => source.includes(LOAD)))) return;
    const at = notebook.widgets.indexOf(cell);
    const there = notebook.widgets.findLast((_, n) => n < at && sources[n].trim() === LOAD);
    const loader = there ?? insertCode(notebook, at, LOAD);
    notebook.activeCellIndex = notebook.widgets.indexOf(cell);
    await loader.ready;
    await CodeCell.execute(loader, panel.sessionContext);
  }

  /** Put a `%%agent` cell below one, with the cursor in its goal; gives the cell, and what is still under way. */
  function ask(panel, below, goal = "") {
    const notebook = panel.content;
    const at = below ? notebook.widgets.indexOf(below) + 1 : notebook.activeCellIndex + 1;
    const cell = insertCode(notebook, at, `%%agent\n${goal}`);
    notebook.activeCellIndex = at;
    notebook.deselectAll();
    notebook.mode = "edit";
    const settled = cell.ready.then(async () => {
      await notebook.scrollToCell?.(cell);
      cell.editor?.focus();
      const end = cell.editor?.getPositionAt(cell.model.sharedModel.getSource().length);
      if (end) cell.editor.setCursorPosition(end);
      await load(panel, cell);
    });
    return { cell, settled };
  }

  async function fix(panel, failed, atOnce) {
    const error = failing(failed);
    if (!error) return;
    const future = failed.outputArea.future;
    const count = future && !future.isDisposed ? failed.model.executionCount : 0;
    const goal = fixGoal(failed.model.sharedModel.getSource(), error, count);
    const { cell, settled } = ask(panel, failed, goal);
    await settled;
    if (!atOnce || cell.isDisposed) return;
    panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
    await NotebookActions.run(panel.content, panel.sessionContext);
  }

  /** Return the class of the error with which a cell ended, where an agent may look for the cause. */
  function failing(cell) {
    const { outputs, sharedModel } = cell.model;
    if (OURS.test(sharedModel.getSource())) return "";
    for (let n = outputs.length - 1; n >= 0; n--) {
      if (outputs.get(n).type !== "error") continue;
      const { ename } = outputs.get(n).toJSON();
      if (ename !== "KeyboardInterrupt") return ename || "an error";
    }
    return "";
  }

  /** Whether a cell of ours found nobody who knows its magic. */
  function unknown({ model: { outputs } }) {
    const told = Array.from({ length: outputs.length }, (_, n) => outputs.get(n).toJSON());
    return told.some((each) => each.output_type === "stream" && UNKNOWN.test([each.text].flat().join("")));
  }

  async function again(panel, cell) {
    await load(panel, cell);
    if (!cell.isDisposed) await NotebookActions.runCells(panel.content, [cell], panel.sessionContext);
  }

  function help(cell, panel) {
    if (unknown(cell)) return [button("Load llmos_nb and run", () => again(panel, cell), "A cell above loads it, and this one runs again")];
    if (!failing(cell)) return [];
    return [
      button("Fix with agent", () => fix(panel, cell, false), "A cell below asks an agent; you run it"),
      button("Fix and run", () => fix(panel, cell, true), "The same, and it begins at once"),
    ];
  }

  /** Keep buttons under the output of a cell that failed, while they help. */
  function offerFix(cell, panel) {
    let row = null;
    const update = () => {
      if (cell.isDisposed) return;
      const buttons = isPython(panel) ? help(cell, panel) : [];
      const words = (all) => all?.map((each) => each.textContent).join();
      if (words(buttons) === words(row && [...row.node.children])) return;
      row?.dispose();
      row = null;
      if (!buttons.length) return;
      row = new Widget({ node: h("div.llmos-row.llmos-fix", { role: "group", "aria-label": "This cell failed" }, buttons) });
      cell.layout.insertWidget(cell.layout.widgets.length - 1, row);
    };
    cell.model.outputs.changed.connect(update);
    cell.model.contentChanged.connect(update);
    update();
  }

  return [
    {
      id: "llmos_nb:ask",
      autoStart: true,
      requires: [INotebookTracker],
      optional: [ICommandPalette],
      activate(app, tracker, palette) {
        app.commands.addCommand(ASK, {
          label: "Ask agent here",
          caption: "Insert a %%agent cell below this one",
          isEnabled: () => tracker.currentWidget !== null,
          execute: () => void ask(tracker.currentWidget, null),
        });
        app.commands.addCommand(FIX, {
          label: "Fix cell with agent",
          caption: "Below the active cell, which failed, ask an agent to correct it",
          isEnabled: () => Boolean(tracker.activeCell?.model.type === "code" && failing(tracker.activeCell)),
          execute: () => fix(tracker.currentWidget, tracker.activeCell, false),
        });
        app.commands.addKeyBinding({ command: ASK, keys: ["Alt Shift A"], selector: ".jp-Notebook" });
        for (const command of [ASK, FIX]) palette?.addItem({ command, category: "Agents" });
        app.docRegistry.addWidgetExtension("Notebook", {
          createNew(panel) {
            const tool = new ToolbarButton({
              label: "Ask agent here",
              tooltip: "Insert a %%agent cell below this one (Alt+Shift+A)",
              onClick: () => void ask(panel, null),
            });
            panel.context.ready.then(() => isPython(panel) && place(panel.toolbar, tool));
            return tool;
          },
        });
        tracker.widgetAdded.connect((_, panel) => eachCodeCell(panel, offerFix));
        tracker.forEach((panel) => eachCodeCell(panel, offerFix));
      },
    },
  ];
}
