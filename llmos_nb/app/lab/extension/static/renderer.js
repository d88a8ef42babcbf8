// Draws a process in an output from what the notebook holds of it, and keeps it alive by a comm while its session runs.
// Only text nodes are made of that data: it may come from a notebook that nobody trusts.
import { links } from "./links.js";

export const MIME = "application/vnd.llmos.run+json";
export const FORMAT = 1;
const RANK = -10; // before the widget, which stands in the same output for pages without this extension
const STYLES = ["panel", "steps", "layout", "plan", "sheet", "danger", "ended"];
const KEEP_MS = 600;
const BUSY_MS = 1500;
const loading = new Map();

function once(name, load) {
  if (!loading.has(name)) loading.set(name, load());
  return loading.get(name);
}

function style(name) {
  const href = new URL(`panel/${name}.css`, import.meta.url).href;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
}

/** The modules that the widget is made of, its style sheets and the drawing of the loop, fetched with the first panel. */
function assets() {
  return once("panel", async () => {
    for (const name of STYLES) style(name);
    const [module, drawing] = await Promise.all([
      import("./panel/panel.js"),
      fetch(new URL("panel/loop.svg", import.meta.url)).then((answer) => answer.text()),
    ]);
    return { ...module.default, drawing };
  });
}

/** What `panel.js` takes for the model of a widget: the view of a saved run, and whatever a link brings. */
export class RunModel {
  constructor(run, drawing) {
    this.run = run;
    this.link = null;
    this.listeners = {};
    this.state = { view: { stream: "", ...run.view, rev: -1 }, loop_svg: drawing, offline: "" };
  }

  get(key) {
    return this.state[key];
  }

  set(key, value) {
    if (this.state[key] === value) return;
    this.state[key] = value;
    this.fire(`change:${key}`, value);
  }

  on(name, listener) {
    (this.listeners[name] ??= new Set()).add(listener);
  }

  off(name, listener) {
    this.listeners[name]?.delete(listener);
  }

  fire(name, value) {
    for (const listener of [...(this.listeners[name] ?? [])]) listener(value);
  }

  send(message) {
    if (this.link) return this.link.send(message);
    const view = this.get("view");
    const sheet = message.verb === "output" ? this.run.outputs?.[message.step] ?? null : undefined;
    if (sheet === null) this.fire("msg:custom", { kind: "note", text: "What this step gave is not in the saved notebook." });
    else if (sheet) this.set("view", { ...view, sheet });
    if (message.verb === "close") this.set("view", { ...view, sheet: null });
  }

  /** Take a message of the process. */
  hear(message) {
    if (message.kind === "full") this.set("offline", null);
    this.fire("msg:custom", message);
  }

  /** Nobody answers: what is shown is what was saved, or was seen last. */
  leave(why) {
    this.link = null;
    this.set("offline", why);
  }
}

const again = (pid) => [" Then run ", ["`", "%load_ext llmos_nb"], " and ", ["`", `%agent show ${pid}`], "."];

/** Why the buttons rest, and what brings them back. */
export function why(kind, pid, said) {
  const told = {
    none: ["The buttons rest: no session runs this notebook. Start one in the Kernel menu.", ...again(pid)],
    dead: ["The buttons rest: the session of this notebook has ended. Restart it in the Kernel menu.", ...again(pid)],
    unloaded: ["The buttons rest until this session knows the process. In a cell, run ", ["`", "%load_ext llmos_nb"], "."],
    gone: [`The buttons rest: ${said}. What it did is here; `, ["`", `%agent show ${pid}`], " looks for it again."],
    busy: ["The session is busy; the buttons come back when it answers."],
    apart: ["The buttons rest: this is a copy outside a notebook."],
  };
  return told[kind];
}

function renderer(Widget, tracker, store) {
  return class RunRenderer extends Widget {
    constructor() {
      super();
      this.addClass("llmos-run");
      this.model = null;
    }

    /** Draw an output, or take what is newer of the same panel. */
    async renderModel(mime) {
      this.mime = mime;
      const run = mime.data[MIME];
      if (run?.version !== FORMAT) {
        this.node.textContent = "This run was saved by another version of llmos_nb; its text is in the notebook's file.";
        return;
      }
      const { model } = this;
      if (model?.run.run === run.run && (model.link || model.run.comm === run.comm)) return this.renew(run);
      this.clear();
      const { initialize, render, drawing } = await assets();
      if (this.isDisposed || this.mime !== mime) return;
      this.model = new RunModel(run, drawing);
      this.ends = [initialize({ model: this.model }), render({ model: this.model, el: this.node })];
      this.model.on("msg:custom", (message) => this.keep(message));
      await this.connect();
    }

    renew(run) {
      this.model.run = run;
      if (!this.model.link) this.model.set("view", { stream: "", ...run.view, rev: -1 });
    }

    onAfterAttach() {
      if (this.model && !this.model.link) this.connect();
    }

    notebook() {
      return tracker?.find((each) => each.node.contains(this.node)) ?? null;
    }

    /** Follow the process, if the session of this notebook knows it. */
    async connect() {
      const { model } = this;
      if (!this.isAttached) return;
      const panel = this.notebook();
      if (!panel) return model.leave(why("apart"));
      model.widget_manager ??= { context: panel.context };
      this.unwatch?.();
      this.unwatch = store.watch(panel, () => this.connect());
      const leave = (kind, said) => {
        if (kind !== "busy") return model.leave(why(kind, model.run.pid, said));
        model.leave(""); // the buttons rest without a word, unless it takes long
        setTimeout(() => model.get("offline") === "" && model.set("offline", why(kind)), BUSY_MS);
      };
      await store.find(panel, model, (link) => this.follow(link), leave).catch(() => leave("dead"));
    }

    follow(link) {
      if (this.isDisposed || !this.model) return;
      this.unlink?.();
      this.unlink = link.join(this.model);
      this.model.link = link;
    }

    /** What a page was told after it was opened reaches its notebook only if the page itself puts it there. */
    keep(message) {
      if (message.kind === "full" && this.model.run.n < 0) return this.model.send({ verb: "keep" }); // it has nothing yet
      if (message.kind === "keep") return this.write(message.data);
      if (message.kind !== "kept") return;
      setTimeout(() => {
        if (!this.isDisposed && this.model?.link && this.model.run.n < message.n) this.model.send({ verb: "keep" });
      }, KEEP_MS);
    }

    write(data) {
      if (data[MIME].n <= this.model.run.n) return;
      for (const cell of this.notebook()?.content.widgets ?? []) {
        const outputs = cell.outputArea?.widgets.findIndex((each) => each.node.contains(this.node)) ?? -1;
        const output = cell.outputArea?.model.toJSON()[outputs];
        if (output?.data?.[MIME]) cell.outputArea.model.set(outputs, { ...output, data });
      }
    }

    clear() {
      for (const end of this.ends ?? []) end();
      this.unlink?.();
      this.unwatch?.();
      this.ends = this.unlink = this.unwatch = this.model = null;
      this.node.replaceChildren();
    }

    dispose() {
      if (this.isDisposed) return;
      this.clear();
      super.dispose();
    }
  };
}

export async function plugins(shared) {
  const [{ Widget }, { IRenderMimeRegistry }, { INotebookTracker }] = await Promise.all(
    ["@lumino/widgets", "@jupyterlab/rendermime", "@jupyterlab/notebook"].map(shared),
  );
  const activate = (_, rendermime, tracker) => {
    const Renderer = renderer(Widget, tracker, links(tracker));
    rendermime.addFactory(
      { safe: true, mimeTypes: [MIME], defaultRank: RANK, createRenderer: () => new Renderer() },
      RANK,
    );
  };
  return [
    {
      id: "llmos_nb:renderer",
      description: "Draws processes in outputs.",
      autoStart: true,
      requires: [IRenderMimeRegistry],
      optional: [INotebookTracker],
      activate,
    },
  ];
}
