// The sidebar: every process, grouped by notebook, then what is unfinished in the home. Text is text, never markup.
import { DOING } from "./panel/doing.js";
import { button, counts, h, icon, morphChildren } from "./panel/dom.js";

const LAST_S = 180;
const KINDS = { model: "model", tool: "tool", you: "waiting for you" };

/** Say `1 agent waits`, `2 agents wait`. */
export const say = (n, verb, more = "") => `${n} agent${n === 1 ? ` ${verb}s` : `s ${verb}`}${more}`;

/** Say seconds as on a clock; of more than a day, days. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => `${n}`.padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)} d`;
  return hours ? `${hours}:${two(minutes % 60)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

const since = (iso, now) => (iso ? Math.max(0, now - Date.parse(iso) / 1000) : 0);

function bars(times, now) {
  if (!times?.first) return null;
  const first = Date.parse(times.first) / 1000;
  const last = times.found.length - 1;
  const sums = { model: 0, tool: 0, you: 0 };
  const parts = times.found.map(({ who, begin, end }, i) => {
    const until = i === last && times.open ? now : first + end;
    const from = Math.max(first + begin, now - LAST_S);
    if (until < from) return null;
    sums[who] += until - from;
    const left = `${(100 * (from - now + LAST_S)) / LAST_S}%`;
    return h(`i.${who}`, { left, width: `max(2px, ${(100 * (until - from)) / LAST_S}%)` });
  });
  const told = Object.keys(KINDS).filter((who) => sums[who] >= 0.5);
  const words = told.map((who) => `${KINDS[who]} ${Math.round(sums[who])} s`).join(", ");
  return h("div.gantt", { role: "img", "aria-label": `Last 3 minutes: ${words || "nothing"}` }, parts);
}

// A button, and from its click on until its effect is seen what it does.
function pressing(label, doing, { act, data = {}, ...more }) {
  const busy = doing?.verb === act && doing.data === JSON.stringify(data);
  return button(busy ? DOING[act] : label, { act, data, ...more, busy });
}

function decide(row, doing) {
  const { ask } = row;
  const of = `${row.name}: ${ask.title}`;
  const quick = ask.buttons.map((one) =>
    pressing(one.label, doing, {
      act: one.verb,
      data: one.data ?? {},
      say: `${one.label}, ${of}`,
      look: one.main && !ask.danger ? ".main" : "",
    }),
  );
  const look = ask.edit && !ask.danger ? "Edit" : "Open";
  const open = button(look, { act: "show", say: `${look}, ${of}` });
  return h("div.go", {}, quick, open);
}

const ACTS = { Stop: "stop", Pause: "pause", Resume: "resume" };

function acts(row, doing) {
  const offered = row.ask ? [] : row.acts.filter((act) => ACTS[act]);
  return offered.map((act) =>
    pressing(act, doing, { act: ACTS[act], look: ".bare", say: `${act} ${row.name}`, icon: ACTS[act] }),
  );
}

function entry(book, row, now) {
  const { ask } = row;
  const tone = ask?.danger ? "bad" : row.tone;
  const time = ask ? since(ask.since, now) : row.clock.base + since(row.clock.since, now);
  const told = [row.steps, row.cost].filter(Boolean).join(" · ");
  const note = book.notes.get(row.pid);
  const doing = book.doing.get(row.pid);
  const show = button("Show", { act: "show", look: ".bare", say: `Show the cell of ${row.name}` });
  return h(
    "li.pr",
    { "data-key": `${book.kernel.id} ${row.pid}`, "data-pid": row.pid, "data-tone": tone },
    h(
      "div.l1",
      {},
      icon(ask?.danger ? "danger" : row.glyph),
      h("b", {}, row.name, h("span.mute", {}, ` · pid ${row.pid}`)),
      h("span.mute.clock", { title: ask ? "waits so long" : "at work so long" }, clock(time)),
      show,
    ),
    h("div.l2", {}, h("b", {}, row.state), row.what && `: ${row.what}`),
    ask && h("div.why", {}, ask.why),
    h("div.l3", {}, bars(book.times(row), now), h("span", {}, told)),
    (ask || acts(row).length > 0) && (ask ? decide(row, doing) : h("div.go", {}, acts(row, doing))),
    note && h("p.note", { role: "status" }, note),
  );
}

function group(book) {
  const now = book.now();
  const rows = book.rows;
  const name = book.path.split("/").at(-1);
  const clear = button("Clear ended", { act: "clear", look: ".bare", say: `Clear the ended agents of ${name} from this list` });
  const body = rows.length
    ? h("ul", {}, rows.map((row) => entry(book, row, now)))
    : h("p.none", {}, "No agent yet. A cell that begins with %%agent starts one.");
  return h(
    "section",
    { "data-key": book.kernel.id, "aria-label": name },
    h("h3.grp", {}, h("span", { title: book.path }, name), rows.some((row) => row.ended) ? clear : h("span", {}, "kernel alive")),
    body,
  );
}

function atRest({ path, rows }) {
  const name = path.split("/").at(-1);
  const open = button("Open the notebook", { act: "open", data: { path }, say: `Open the notebook: ${path}` });
  const one = (row) =>
    h(
      "li.pr",
      { "data-key": `${path} ${row.pid}`, "data-tone": row.tone },
      h("div.l1", {}, icon(row.glyph), h("b", {}, row.name, h("span.mute", {}, ` · pid ${row.pid}`))),
      h("div.l2", {}, h("b", {}, row.state), row.what && `: ${row.what}`),
    );
  return h(
    "section",
    { "data-key": `closed ${path}`, "aria-label": name },
    h("h3.grp", {}, h("span", { title: path }, name), h("span", {}, "tab closed")),
    h("ul", {}, rows.map(one)),
    h("div.go", {}, open),
  );
}

function atHome(found) {
  const put = (row) =>
    button("Put in a cell", { act: "put", data: { command: row.command }, say: `Put in a cell: ${row.command}` });
  const left = (row) =>
    h(
      "li.pr",
      { "data-key": `home ${row.pid}` },
      h("div.l1", {}, icon(row.waiting ? "waiting" : "pause"), h("b", {}, row.name, h("span.mute", {}, ` · pid ${row.pid}`))),
      h("div.l2", {}, h("b", {}, row.state), row.goal && `: ${row.goal}`),
      h("div.go", {}, h("code", {}, row.command), put(row)),
    );
  return h(
    "section",
    { "data-key": "home", "aria-label": "In no notebook" },
    h("h3.grp", {}, h("span", {}, "in no notebook"), h("span", {}, "home")),
    h("ul", {}, found.map(({ book, row }) => (row.run ? entry(book, row, book.now()) : left(row)))),
  );
}

const legend = () =>
  h(
    "div.key",
    { "data-key": "key" },
    h("span", {}, "last 3 minutes"),
    Object.entries(KINDS).map(([who, words]) => h("span", {}, h(`i.${who}`, { "aria-hidden": "true" }), words)),
  );

/** The whole sidebar as a fresh tree. */
function drawn(store) {
  const { running, home, shown, closed } = store;
  const waiting = [...store.waiting, ...store.waitingClosed];
  const runs = running.filter(({ row }) => !row.ask).length;
  const told = [waiting.length && `${waiting.length} waiting`, runs && `${runs} running`];
  const stop = button("Stop all", { act: "stop-all", look: ".bare", say: "Stop all agents" });
  if (!running.length) stop.setAttribute("disabled", "");
  const nothing = !shown.length && "No notebook on this page offers its agents: run %load_ext llmos_nb in a cell.";
  return h(
    "div",
    {},
    h("div.sh", {}, h("h2", {}, "Agents"), h("span.mute", { role: "status" }, told.filter(Boolean).join(", ")), stop),
    nothing && h("p.none", {}, nothing),
    shown.map(group),
    closed.map(atRest),
    home.length > 0 && atHome(home),
    shown.some((book) => book.rows.length) && legend(),
  );
}

/** Keep an element abreast of the store while it can be seen; `does` takes what a button says. */
export function sidebar(store, widget, does) {
  const body = h("div");
  const root = h("div.llmos-side", { role: "region", "aria-label": "Agents" }, body);
  widget.node.append(root);
  const draw = () => widget.isVisible && morphChildren(body, drawn(store));
  store.listeners.add(draw);
  setInterval(() => store.all.length + store.away.length && draw(), 1000);
  root.addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-act]");
    if (!counts(event, pressed, root) || !pressed) return;
    const li = pressed.closest("li.pr");
    if (pressed.dataset.act === "clear") return store.books.get(pressed.closest("section").dataset.key)?.say({ verb: "clear" });
    const found = [...store.all, ...store.away].find(({ book, row }) => li?.dataset.key === `${book.kernel.id} ${row.pid}`);
    does(pressed.dataset.act, found, JSON.parse(pressed.dataset.data ?? "{}"));
  });
  return draw;
}
