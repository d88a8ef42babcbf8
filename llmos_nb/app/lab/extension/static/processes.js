// Agents beside the cells: the sidebar with all processes, and what calls for a person wherever one looks.
import { Toasts, drawMissing, drawStatus, jump, markTabs, markTitle, statusWords } from "./processes_calls.js";
import { sidebar } from "./processes_list.js";
import { Store } from "./processes_store.js";

const ID = "llmos_nb:processes";
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><path class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.6" d="M8 1.8 14.2 8 8 14.2 1.8 8z"/></svg>';
const COMMANDS = {
  next: "llmos:next-question",
  approve: "llmos:approve",
  stop: "llmos:stop-all",
  show: "llmos:show-processes",
};
const ASK = "llmos:ask-here"; // made by the part that inserts cells

function styles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("processes.css", import.meta.url);
  document.head.append(link);
}

/** What a button does, wherever it stands. */
function doing(app, store, tracker) {
  return (act, found, data) => {
    if (act === "stop-all") for (const { book, row } of store.running) book.act(row, "stop");
    else if (act === "put") put(app, tracker, data.command);
    else if (act === "open") app.commands.execute("docmanager:open", data);
    else if (!found) return;
    else if (act === "show") jump(app, found);
    else found.book.act(found.row, act, data);
  };
}

// What a panel has exported stands beside its notebook, where the session works unless somebody has moved it.
function opens(app, tracker) {
  return (event) => {
    const panel = tracker.find((each) => each.node.contains(event.target));
    const { place } = event.detail;
    if (!panel || !place) return;
    event.preventDefault();
    const path = [...panel.context.path.split("/").slice(0, -1), place].join("/");
    app.commands.execute("docmanager:open", { path });
  };
}

/** Put a line in a cell below the one that is active; a person runs it. */
function put(app, tracker, line) {
  const panel = tracker.currentWidget;
  if (!panel) return;
  app.shell.activateById(panel.id);
  const { content } = panel;
  const at = content.activeCellIndex + 1;
  content.model.sharedModel.insertCell(at, { cell_type: "code", source: line });
  content.activeCellIndex = at;
}

function addCommands(app, store, toasts, show, does) {
  const add = (id, label, execute, isEnabled) =>
    app.commands.addCommand(id, { label, execute, ...(isEnabled && { isEnabled }) });
  add(COMMANDS.show, "Show Agents", show);
  const asks = () => store.waiting.length + store.waitingClosed.length > 0;
  const next = () => asks() && jump(app, store.next(), true);
  add(COMMANDS.next, "Go to the Next Question of an Agent", next, asks);
  const seen = () => toasts.shown(store);
  const approve = () => {
    const found = seen();
    if (found) does("approve", found, found.row.ask.buttons[0].data ?? {});
  };
  add(COMMANDS.approve, "Approve What an Agent Asks", approve, () => !!seen());
  add(COMMANDS.stop, "Stop All Agents", () => does("stop-all"), () => store.running.length > 0);
}

/** The plugin, made with Lab's own modules. */
export async function plugins(shared) {
  const maybe = (name) => shared(name).catch(() => ({}));
  const { ICommandPalette, Notification } = await shared("@jupyterlab/apputils");
  const { INotebookTracker } = await shared("@jupyterlab/notebook");
  const { LabIcon } = await shared("@jupyterlab/ui-components");
  const { Signal } = await shared("@lumino/signaling");
  const { Menu, Widget } = await shared("@lumino/widgets");
  const { IStatusBar } = await maybe("@jupyterlab/statusbar");
  const { IMainMenu } = await maybe("@jupyterlab/mainmenu");
  const { ILayoutRestorer } = await maybe("@jupyterlab/application");
  const { ISettingRegistry } = await maybe("@jupyterlab/settingregistry");
  const wanted = {
    palette: ICommandPalette,
    bar: IStatusBar,
    menu: IMainMenu,
    restorer: ILayoutRestorer,
    settings: ISettingRegistry,
  };
  const names = Object.keys(wanted).filter((name) => wanted[name]);

  const activate = (app, tracker, ...tokens) => {
    const has = Object.fromEntries(names.map((name, i) => [name, tokens[i]]));
    styles();
    const { sessions } = app.serviceManager;
    const store = new Store(() => [...sessions.running()].map((model) => model.kernel?.id));
    sessions.runningChanged.connect(store.changed);
    const does = doing(app, store, tracker);
    document.addEventListener("llmos:open", opens(app, tracker));

    class Side extends Widget {
      onAfterShow() {
        this.draw?.();
      }
    }
    const side = new Side();
    side.id = "llmos-processes";
    side.title.icon = new LabIcon({ name: "llmos:agents", svgstr: ICON });
    side.title.caption = "Agents";
    side.addClass("llmos-side-host");
    side.draw = sidebar(store, side, does);
    app.shell.add(side, "left", { rank: 300 });
    has.restorer?.add(side, side.id);

    const toasts = new Toasts(Notification, store, does);
    addCommands(app, store, toasts, () => app.shell.activateById(side.id), does);
    for (const command of Object.values(COMMANDS)) has.palette?.addItem({ command, category: "Agents" });
    if (has.menu) {
      const menu = new Menu({ commands: app.commands });
      menu.id = "llmos-menu";
      menu.title.label = "Agents";
      for (const command of [ASK, ...Object.values(COMMANDS)]) menu.addItem({ command });
      has.menu.addMenu(menu, true, { rank: 650 });
    }

    const status = new Widget();
    const turned = new Signal(status);
    status.node.addEventListener("click", () =>
      app.commands.execute(app.commands.isEnabled(COMMANDS.next) ? COMMANDS.next : COMMANDS.show),
    );
    has.bar?.registerStatusItem("llmos:status", {
      item: status,
      align: "left",
      rank: 900,
      isActive: () => !!statusWords(store),
      activeStateChanged: turned,
    });

    markTitle(store);
    has.settings?.load(ID).then((set) => {
      const read = () => toasts.allow(set.composite.notify !== false);
      set.changed.connect(read);
      read();
    }, console.warn);
    store.listeners.add(() => {
      for (const book of store.shown.filter(({ fresh, rev }) => fresh && rev >= 0)) {
        book.fresh = false;
        drawMissing(book).catch(console.warn);
      }
      drawStatus(status.node, store);
      turned.emit(undefined);
      markTabs(store, side);
      for (const command of Object.values(COMMANDS)) app.commands.notifyCommandChanged(command);
    });
    tracker.forEach((panel) => store.follow(panel));
    tracker.widgetAdded.connect((_, panel) => store.follow(panel));
  };
  return [
    {
      id: ID,
      description: "All agents of the notebooks on this page, beside the cells.",
      autoStart: true,
      requires: [INotebookTracker],
      optional: names.map((name) => wanted[name]),
      activate,
    },
  ];
}
