// What pages know of processes: a comm to each session, rows that come by differences, and clicks that go back.
import { patched } from "./panel/store.js";

const TARGET = "llmos.processes";
const BUSY_MS = 1500;
const GUARD_MS = 500; // a decision takes nothing for its first half second
const GONE = new Set(["restarting", "autorestarting", "dead", "terminating"]);
let tickets = 0;

const keyOf = (ask) => (ask ? JSON.stringify([ask.call, ask.digest, ask.title]) : "");
const MEMORY = "llmos.comm.";
const memory = (id) => `${MEMORY}${id}`;

// Of sessions that live no more nothing is kept.
function tidy(alive) {
  const kept = new Set(alive.map(memory));
  for (const key of Object.keys(localStorage)) if (key.startsWith(MEMORY) && !kept.has(key)) localStorage.removeItem(key);
}

/** One session: the notebook that it belongs to, and the rows of its processes. */
export class Book {
  constructor(kernel, changed) {
    this.kernel = kernel;
    this.changed = changed;
    this.lastPath = "";
    this.panels = new Set();
    this.notes = new Map();
    this.asked = new Map();
    this.doing = new Map(); // by process, what was pressed and has had no effect yet
    this.unheard = new Map();
    this.forget();
    kernel.registerCommTarget(TARGET, (comm) => this.take(comm));
    kernel.statusChanged.connect((_, status) => {
      if (GONE.has(status)) this.forget(true);
    });
    kernel.connectionStatusChanged.connect((_, status) => {
      if (status === "connected" && this.comm) this.say({ verb: "sync", rev: this.rev });
    });
  }

  /** The notebook that shows it. */
  get panel() {
    return [...this.panels].find((panel) => panel.isVisible) ?? [...this.panels][0];
  }

  get path() {
    if (this.panel) this.lastPath = this.panel.context.path;
    return this.lastPath;
  }

  /** Processes, the newest first. */
  get rows() {
    const found = Object.keys(this.view).filter((key) => /^p\d+$/.test(key));
    return found.map((key) => this.view[key]).sort((a, b) => b.pid - a.pid);
  }

  times(row) {
    return this.view[`t${row.pid}`];
  }

  /** Seconds since 1970 on the clock of the session. */
  now() {
    return Date.now() / 1000 - this.skew;
  }

  /** Find the comm that was opened before this page was there. While a cell runs the answer comes late, but what this
   * browser knew before its page was closed or loaded again does not. */
  async attach() {
    const known = localStorage.getItem(memory(this.kernel.id));
    if (known && !this.comm) this.take(this.kernel.createComm(TARGET, known));
    const before = this.comm;
    const told = await this.kernel.requestCommInfo({ target_name: TARGET });
    const ids = Object.keys(told.content.comms ?? {});
    // the answer can come after the comm that was opened behind it: of that one it knows nothing
    if (before && this.comm === before && !ids.includes(before.commId)) this.forget(true);
    if (!this.comm && ids.length) this.take(this.kernel.createComm(TARGET, ids[0]));
  }

  take(comm) {
    this.forget();
    this.comm = comm;
    localStorage.setItem(memory(this.kernel.id), comm.commId);
    comm.onMsg = (message) => this.hear(message.content.data.content ?? {});
    comm.onClose = () => this.comm === comm && this.forget(true);
    this.say({ verb: "sync", rev: -1 });
  }

  /** Know of nothing any more; `gone`: nor will a page that is loaded again. */
  forget(gone = false) {
    if (gone) localStorage.removeItem(memory(this.kernel.id));
    this.comm?.dispose?.();
    this.comm = null;
    this.view = {};
    this.rev = -1;
    this.fresh = true; // nothing of it was shown yet
    this.skew = 0;
    this.asked.clear();
    this.doing.clear();
    this.notes.clear();
    this.unheard.clear();
    this.changed();
  }

  hear(message) {
    const { kind, rev, pid } = message;
    if (message.at) this.skew = Date.now() / 1000 - message.at;
    if (kind === "heard") return this.heard(message.seq);
    if (kind === "note") this.answer(pid ?? 0, message.text);
    else if (kind === "full") this.show(message.view, message.view.rev);
    else if (kind !== "update" || rev <= this.rev || this.rev < 0) return;
    else if (rev === this.rev + 1) this.show(patched(this.view, message.patch), rev);
    else return this.say({ verb: "sync", rev: this.rev });
    this.changed();
  }

  show(view, rev) {
    const known = this.view.home ?? [];
    for (const row of [...Object.values(view), ...(view.home ?? [])]) {
      const before = this.view[`p${row?.pid}`] ?? known.find(({ pid }) => pid === row?.pid);
      if (!row?.state || !("ask" in row) || row === before) continue;
      if (before?.state !== row.state) this.notes.delete(row.pid);
      if (before?.state !== row.state || `${before.acts}` !== `${row.acts}`) this.doing.delete(row.pid);
      if (keyOf(before?.ask) === keyOf(row.ask)) continue;
      this.asked.set(row.pid, performance.now());
      this.doing.delete(row.pid);
    }
    this.view = view;
    this.rev = rev;
  }

  answer(pid, text) {
    this.notes.set(pid, text);
    this.doing.delete(pid);
  }

  say(content) {
    try {
      this.comm.send({ method: "custom", content });
    } catch {
      this.forget(true); // the session is gone, and so is what ran in it
    }
  }

  /** Send a verb, of which its row tells at once; false where it came too soon after the question to be meant, or again. */
  act(row, verb, data = {}) {
    if (!this.comm) return false;
    const decides = row.ask && verb === "approve";
    if (decides && performance.now() - (this.asked.get(row.pid) ?? -Infinity) < GUARD_MS) return false;
    if (verb !== "stop" && this.doing.get(row.pid)?.verb === verb) return false;
    const seq = `${TARGET} ${Date.now()} ${++tickets}`;
    const { call, digest } = row.ask ?? {};
    const bound = ["approve", "reject", "resolve"].includes(verb) ? { call, digest } : {};
    this.say({ verb, pid: row.pid, ...bound, ...data, seq });
    if (!this.comm) return false;
    this.unheard.set(seq, row.pid);
    this.doing.set(row.pid, { verb, data: JSON.stringify(data), seq });
    this.changed();
    setTimeout(() => {
      if (!this.unheard.has(seq)) return;
      this.notes.set(row.pid, "The session is busy. It takes this up when the running cell lets it.");
      this.changed();
    }, BUSY_MS);
    return true;
  }

  heard(seq) {
    const pid = this.unheard.get(seq);
    this.unheard.delete(seq);
    if (this.doing.get(pid)?.verb !== "stop") setTimeout(() => this.over(pid, seq), BUSY_MS);
    if (!this.notes.get(pid)?.startsWith("The session is busy")) return;
    this.notes.delete(pid);
    this.changed();
  }

  // What was heard and changes nothing can be pressed anew.
  over(pid, seq) {
    if (this.doing.get(pid)?.seq !== seq) return;
    this.doing.delete(pid);
    this.changed();
  }
}

/** All sessions of this page. */
export class Store {
  constructor(running = () => []) {
    this.alive = running;
    this.books = new Map();
    this.left = new Map();
    this.listeners = new Set();
    this.last = null;
    this.soon = false;
    this.changed = this.changed.bind(this);
  }

  /** Tell listeners, once a turn. */
  changed() {
    if (this.soon) return;
    this.soon = true;
    queueMicrotask(() => {
      this.soon = false;
      for (const listener of this.listeners) listener(this);
    });
  }

  /** Follow the session of a notebook, whichever it has. */
  follow(panel) {
    const connect = () => this.connect(panel);
    const leave = () => {
      for (const book of this.books.values()) book.panels.delete(panel);
      this.changed();
    };
    panel.sessionContext.ready.then(connect, () => {});
    panel.sessionContext.kernelChanged.connect(connect);
    panel.context.pathChanged.connect(this.changed);
    panel.disposed.connect(leave);
  }

  connect(panel) {
    const kernel = panel.sessionContext.session?.kernel;
    for (const book of this.books.values()) if (book.kernel !== kernel) book.panels.delete(panel);
    if (!kernel?.handleComms || panel.isDisposed) return this.changed();
    let book = this.books.get(kernel.id);
    if (book?.kernel !== kernel) {
      this.books.set(kernel.id, (book = new Book(kernel, this.changed)));
      const known = book;
      kernel.disposed.connect(() => this.leave(known));
      const alive = this.alive();
      if (alive.includes(kernel.id)) tidy(alive); // else the server's list is still to come
      book.attach().catch(() => {}); // a session that went away meanwhile
    }
    book.panels.add(panel);
    this.left.delete(kernel.id);
    this.changed();
  }

  /** Keep what a notebook showed last when its tab is closed: its session may live on. */
  leave(book) {
    if (this.books.get(book.kernel.id) !== book) return;
    this.books.delete(book.kernel.id);
    const rows = book.rows.filter((row) => !row.ended);
    if (rows.length) this.left.set(book.kernel.id, { path: book.lastPath, root: book.view.root, rows });
    this.changed();
  }

  /** Sessions that live on while no tab of this page shows their notebook. */
  get closed() {
    const alive = new Set(this.alive());
    return [...this.left].filter(([id]) => alive.has(id)).map(([, left]) => left);
  }

  /** Sessions with a notebook on this page that have processes to show. */
  get shown() {
    const found = [...this.books.values()].filter((book) => book.panels.size && book.comm);
    return found.sort((a, b) => a.path.localeCompare(b.path));
  }

  /** Every process, with its session. */
  get all() {
    return this.shown.flatMap((book) => book.rows.map((row) => ({ book, row })));
  }

  /** Those that wait for a person, the longest wait first. */
  get waiting() {
    const found = [...this.all, ...this.away].filter(({ row }) => row.ask);
    return found.sort((a, b) => (a.row.ask.since < b.row.ask.since ? -1 : 1));
  }

  /** The same for those whose notebook has no tab. */
  get waitingClosed() {
    return this.closed.flatMap(({ path, rows }) => rows.filter((row) => row.ask).map((row) => ({ path, row })));
  }

  /** The question after the one that was gone to last. */
  next() {
    const found = [...this.waiting, ...this.waitingClosed];
    const same = ({ book, path, row }) => this.last?.row.pid === row.pid && (this.last.path ?? this.last.book) === (path ?? book);
    this.last = found[(found.findIndex(same) + 1) % found.length];
    return this.last;
  }

  get running() {
    return this.all.filter(({ row }) => row.acts.includes("Stop"));
  }

  /** What another interpreter has at hand, such as the service of a home: it is decided on by a session of that home. */
  get away() {
    return this.home.filter(({ row }) => row.run);
  }

  /** What is unfinished in the homes and lives in no session that is shown, with one of its home; each home once. */
  get home() {
    const homes = new Map(this.shown.map((book) => [book.view.root, book]));
    const closed = this.closed.flatMap(({ root, rows }) => rows.map((row) => `${root} ${row.pid}`));
    const here = new Set([...closed, ...this.all.map(({ book, row }) => `${book.view.root} ${row.pid}`)]);
    const left = ([root, book]) => (book.view.home ?? []).filter((row) => !here.has(`${root} ${row.pid}`)).map((row) => ({ book, row }));
    return [...homes].flatMap(left);
  }
}
