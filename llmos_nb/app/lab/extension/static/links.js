// The comms by which panels follow processes: one a panel, for all that show it on this page.

const TARGET = "llmos.panel";
const OVER = ["restarting", "autorestarting", "terminating", "dead"];

/** One comm, and who listens to it. */
class Link {
  constructor(comm) {
    this.comm = comm;
    this.models = new Set();
    this.told = null;
    this.answered = false;
    comm.onMsg = ({ content }) => {
      if (content.data.method === "custom") this.hear(content.data.content);
    };
  }

  hear(message) {
    this.answered = true;
    if (message.kind === "gone") return this.end("gone", message.why);
    for (const model of [...this.models]) model.hear(message);
  }

  join(model) {
    this.models.add(model);
    return () => this.models.delete(model);
  }

  send(content) {
    this.comm.send({ method: "custom", content });
  }

  end(kind, said) {
    this.told = [kind, said];
    this.over?.(kind, said);
  }
}

/** The links of all notebooks of this page. */
export function links(tracker) {
  const kernels = new WeakMap(); // of a connection: its links by the ids of their comms, and who wants to hear of new ones

  const all = (kernel) => {
    if (!kernels.has(kernel)) kernels.set(kernel, { links: new Map(), waiting: new Set() });
    return kernels.get(kernel);
  };

  const add = (kernel, comm, leave) => {
    const { links } = all(kernel);
    const link = links.get(comm.commId) ?? new Link(comm);
    links.set(comm.commId, link);
    link.over = (kind, said) => {
      links.delete(comm.commId);
      for (const model of link.models) (model.over ?? leave)?.(kind, said);
      link.models.clear();
      if (!comm.isDisposed) comm.dispose(); // its id may be asked for again
    };
    comm.onClose = () => link.told ?? link.end("unloaded");
    return link;
  };

  const greet = (kernel) => {
    if (!kernel || kernel.llmosGreeted) return;
    kernel.llmosGreeted = true;
    kernel.registerCommTarget(TARGET, (comm, { content }) => {
      if (!content.data.hello) return void add(kernel, comm);
      comm.send({ method: "custom", content: { verb: "here" } });
      for (const look of [...all(kernel).waiting]) look();
    });
  };

  const welcome = (panel) => {
    panel.sessionContext.kernelChanged.connect((_, change) => greet(change.newValue));
    greet(panel.sessionContext.session?.kernel);
  };
  tracker?.forEach(welcome);
  tracker?.widgetAdded.connect((_, panel) => welcome(panel));

  return {
    /** Call `look` whenever the session of a notebook is another, or knows more, than before. */
    watch(panel, look) {
      const session = panel.sessionContext;
      let over = false;
      const changed = () => look();
      const status = (_, value) => {
        if (OVER.includes(value)) {
          over = true;
          all(session.session?.kernel ?? session).links.clear();
          look();
        } else if (over && value === "idle") {
          over = false;
          look();
        }
      };
      session.kernelChanged.connect(changed);
      session.statusChanged.connect(status);
      const kernel = session.session?.kernel;
      if (kernel) all(kernel).waiting.add(look);
      return () => {
        session.kernelChanged.disconnect(changed);
        session.statusChanged.disconnect(status);
        if (kernel) all(kernel).waiting.delete(look);
      };
    },

    /**
     * Find who answers for a saved run: `follow` gets the link, `leave` why there is none. Its own comm is asked at
     * once, since an interpreter that is in a cell hears comms and answers no question about them until the cell ends.
     */
    async find(panel, model, follow, leave) {
      const { run } = model;
      await panel.sessionContext.ready;
      const kernel = panel.sessionContext.session?.kernel;
      if (!kernel) return leave("none");
      if (OVER.includes(kernel.status)) return leave("dead");
      greet(kernel);
      model.over = leave;
      const { links } = all(kernel);
      leave("busy");
      const known = links.get(run.comm);
      const own = known ?? (run.comm ? add(kernel, kernel.createComm(TARGET, run.comm), leave) : null);
      if (own) {
        follow(own);
        own.send({ verb: "sync", rev: null });
      }
      if (known) return;
      if (own) {
        const { content } = await kernel.requestCommInfo({ target_name: TARGET });
        const ids = Object.keys(content.comms ?? {});
        if (own.answered || ids.includes(run.comm)) return;
        if (ids.length) own.models.delete(model); // another is asked at once: no word that the buttons rest in between
        own.end("unloaded");
        if (!ids.length) return leave("unloaded");
      }
      const asked = kernel.createComm(TARGET);
      follow(add(kernel, asked, leave));
      asked.open({ pid: run.pid, run: run.run }); // it answers with all of the view
    },
  };
}
