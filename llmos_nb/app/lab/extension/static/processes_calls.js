// What calls for a person outside the sidebar: status item, notifications, marks on tabs, and the way to the cell.
import { h, icon, morphChildren } from "./panel/dom.js";
import { say } from "./processes_list.js";
import { FORMAT, MIME } from "./renderer.js";

const WAITS = "llmos-waits";
const TRIES = 40;
const LOOK_MS = 500;
const MOST = 3; // notifications at a time
const askKey = ({ book, row }) => JSON.stringify([book.kernel.id, row.pid, row.ask.call, row.ask.digest, row.ask.since]);

const panelOf = ({ book, row }) => {
  const selector = `.llm[aria-label$=", pid ${row.pid}"]`;
  return [...book.panels].flatMap((panel) => [...panel.node.querySelectorAll(selector)]).at(-1);
};

/** Whether the card of a question, or the folded line that asks it, can be seen at this moment. */
export function inView(found) {
  const panel = panelOf(found);
  const card = panel?.matches(".strip") ? panel : panel?.querySelector(".card");
  const scroller = card?.closest(".jp-WindowedPanel-outer, .jp-Notebook") ?? card?.closest(".jp-NotebookPanel");
  if (!scroller || document.hidden || !card.checkVisibility()) return false;
  const part = (element) => {
    const [a, b] = [element, scroller].map((each) => each.getBoundingClientRect());
    return (Math.min(a.bottom, b.bottom, innerHeight) - Math.max(a.top, b.top, 0)) / Math.min(a.height, b.height);
  };
  const verbs = card.querySelector(":scope > .go"); // a notification would stand over them
  return part(card) >= 0.5 || (verbs && part(verbs) >= 1);
}

// A cell that is scrolled away has no elements; what it shows is in its outputs.
function holds({ outputs }, row) {
  const of = (i) => outputs.get(i).data[MIME];
  return Array.from({ length: outputs?.length ?? 0 }, (_, i) => of(i)).some((run) => run?.run === row.run);
}

// Outputs can be cleared while a process goes on. Its panel is drawn anew in its cell; without that cell, in a new one.
function drawAgain({ book, row }) {
  const { content } = book.panel;
  let at = content.widgets.findIndex((cell) => cell.model.id === row.cell && cell.model.outputs);
  if (at < 0) {
    at = content.activeCellIndex + 1;
    content.model.sharedModel.insertCell(at, { cell_type: "code", source: `%agent show ${row.pid}` });
    content.activeCellIndex = at;
  }
  const run = { version: FORMAT, pid: row.pid, run: row.run, comm: row.comm ?? "", n: -1, view: { steps: [], acts: [] } };
  const data = { [MIME]: run, "text/plain": `process ${row.pid}` };
  content.widgets[at].model.outputs.add({ output_type: "display_data", metadata: {}, data });
}

/** Draw what goes on in a notebook that was loaded again, or opened again, unsaved: its cells show what they did before. */
export async function drawMissing(book) {
  const { panel } = book;
  await panel?.context.ready;
  for (const row of book.rows.filter((each) => !each.ended && each.cell)) {
    const cell = panel?.content.widgets.find((each) => each.model.id === row.cell && each.model.outputs);
    if (!cell || panel.content.widgets.some((each) => holds(each.model, row))) continue;
    cell.model.outputs.clear();
    drawAgain({ book, row });
  }
}

/** Show the cell of a process, and put the focus on its card, or on what is done there first; a panel that was cleared
 * away is drawn anew. Who `passes` on from question to question is not led into a field, which keeps the keys. */
export async function jump(app, found, passes = false) {
  if (found.path) return app.commands.execute("docmanager:open", { path: found.path });
  const { book, row } = found;
  const { panel } = book;
  if (!panel) return;
  app.shell.activateById(panel.id);
  const { content } = panel;
  const at = content.widgets.findIndex((cell) => cell.model.id === row.cell);
  if (at >= 0) {
    content.activeCellIndex = at;
    await content.scrollToItem?.(at, "smart")?.catch?.(() => {});
  }
  if (!panelOf(found) && !content.widgets.some((cell) => holds(cell.model, row))) drawAgain(found);
  for (let i = 0; i < TRIES; i++) {
    const root = panelOf(found);
    const target = root?.querySelector(".card") ?? root;
    if (target?.isConnected && target.checkVisibility()) {
      if (!target.hasAttribute("tabindex")) target.tabIndex = -1;
      target.scrollIntoView({ block: "nearest" });
      const first = target.querySelector(passes ? ".stopit" : ".stopit, [data-key=question] textarea"); // refused, or answered
      (first ?? target).focus({ preventScroll: true });
      return;
    }
    await new Promise((done) => setTimeout(done, 25));
  }
}

function asking({ row }, more = 0) {
  const { ask, name } = row;
  const rest = more ? ` And ${more} more wait${more > 1 ? "" : "s"}.` : "";
  return `${name} waits for you. ${ask.title.replace(/\w$/, "$&.")} ${ask.why}${rest}`;
}

/** Toasts: one for each question whose card is out of view, those that wait longest first, and three at most: the last
 * one says how many more wait. A toast goes when the card is seen, or the question answered. */
export class Toasts {
  constructor(Notification, store, does) {
    this.Notification = Notification;
    this.does = does;
    this.known = new Map();
    this.allowed = true;
    store.listeners.add(() => this.forget(store));
    setInterval(() => this.look(store), LOOK_MS);
  }

  /** Whether a person wants to be called. */
  allow(allowed) {
    this.allowed = allowed;
  }

  forget(store) {
    const asked = new Set(store.waiting.map(askKey));
    for (const [key, { id }] of this.known) {
      if (asked.has(key)) continue;
      if (id) this.Notification.dismiss(id);
      this.known.delete(key);
    }
  }

  // A panel hears of the question at the same time and has to draw its card: what is out of view twice is called.
  look(store) {
    const calling = [];
    for (const found of store.waiting) {
      const key = askKey(found);
      const known = { missed: 0, id: "", more: 0, ...this.known.get(key), found };
      this.known.set(key, known);
      if (inView(found)) {
        known.missed = 0;
        if (known.id) this.Notification.dismiss(known.id);
      } else if (this.allowed && !known.id && ++known.missed > 1) calling.push(known);
    }
    for (let free = MOST - this.open.length; free > 0 && calling.length; free--) {
      const known = calling.shift();
      known.id = this.emit(known.found);
    }
    this.count(calling.length);
  }

  get open() {
    return [...this.known.values()].filter(({ id }) => id && this.Notification.manager.has(id));
  }

  // The last of them says how many more wait.
  count(more) {
    const { open } = this;
    for (const known of open) {
      const wanted = known === open.at(-1) ? more : 0;
      if (known.more === wanted) continue;
      known.more = wanted;
      this.Notification.update({ id: known.id, message: asking(known.found, wanted) });
    }
  }

  /** The one question that a key may approve: it is the only one, of no danger, and its card or its notification is seen. */
  shown(store) {
    const [found, ...more] = store.waiting;
    const plain = found && !more.length && !found.row.ask.danger && found.row.ask.buttons[0]?.verb === "approve";
    if (!plain) return null;
    const offered = inView(found) && panelOf(found).querySelector("[data-act=approve]"); // a folded line offers no plan
    const told = this.known.get(askKey(found))?.id;
    return offered || (told && this.Notification.manager.has(told)) ? found : null;
  }

  emit(found) {
    const { row } = found;
    const { ask } = row;
    const decide = ask.buttons.slice(0, 2).map((one) => ({
      label: one.label,
      displayType: one.main && !ask.danger ? "accent" : "default",
      callback: () => this.does(one.verb, found, one.data ?? {}),
    }));
    const show = { label: ask.danger ? "Open" : "Show the cell", displayType: "link", callback: () => this.does("show", found) };
    const options = { autoClose: false, actions: [...decide, show] };
    return this.Notification.emit(asking(found), ask.danger ? "error" : "warning", options);
  }
}

const waits = (store) => store.waiting.length + store.waitingClosed.length;

/** The words of the status item; empty where nothing is under way. */
export function statusWords(store) {
  if (waits(store)) return say(waits(store), "wait", " for you");
  const runs = store.running.length;
  return runs ? say(runs, "run") : "";
}

/** Draw the status item. */
export function drawStatus(node, store) {
  const asks = waits(store) > 0;
  const words = statusWords(store);
  const label = asks ? `${words}: go to the question` : `${words}: show agents`;
  const item = h(
    "button.llmos-status",
    { type: "button", "data-tone": asks ? "ask" : "go", "aria-label": label },
    icon(asks ? "waiting" : "running"),
    words,
  );
  morphChildren(node, h("div", {}, words ? item : null));
}

function mark(title, n) {
  const { [WAITS]: before = "", ...rest } = title.dataset; // keys as Lumino puts them behind "data-"
  if (before !== (n ? `${n}` : "")) title.dataset = n ? { ...rest, [WAITS]: `${n}` } : rest;
}

/** Mark tabs of notebooks and of the sidebar with the number of agents that wait. */
export function markTabs(store, side) {
  for (const book of store.books.values()) {
    const asks = book.comm ? book.rows.filter((row) => row.ask).length : 0;
    for (const panel of book.panels) mark(panel.title, asks);
  }
  mark(side.title, waits(store));
}

/** Keep that number before the title of the page, whoever sets it; a page that is not in front shows no more. */
export function markTitle(store) {
  const keep = () => {
    const wanted = `${waits(store) ? `(${waits(store)}) ` : ""}${document.title.replace(/^\(\d+\) /, "")}`;
    if (document.title !== wanted) document.title = wanted;
  };
  store.listeners.add(keep);
  new MutationObserver(keep).observe(document.head, { childList: true, characterData: true, subtree: true });
}
