// The view between kernel and page: patches in order, and a question for all of it when one was missed.

const SLOW_MS = 3000;

/** Carry a patch out; the former view stays as it was. */
export function patched(view, { set = {}, drop = [], append = {}, steps }) {
  const next = { ...view, ...set };
  for (const key of drop) delete next[key];
  for (const [key, tail] of Object.entries(append)) next[key] = next[key].concat(tail);
  if (!steps) return next;
  const known = new Map([...(view.steps ?? []), ...steps.put].map((step) => [step.n, step]));
  const order = steps.order ?? view.steps.map((step) => step.n);
  return { ...next, steps: order.map((n) => known.get(n)) };
}

// The clocks of the page and of the process may differ; an answer that was long on its way tells nothing.
function setClock(model, there, asked) {
  const now = Date.now();
  if (now - asked < SLOW_MS) model.set("view", { ...model.get("view"), skew: (asked + now) / 2 - there });
}

// Once a model, however many times it is shown: the newest view stays in the model, so a further window on it starts right.
export function initialize({ model }) {
  const asked = Date.now();
  const hear = (message) => {
    const view = model.get("view");
    if (message.kind === "full") model.set("view", { ...message.view, skew: view.skew });
    if (message.kind === "clock") setClock(model, message.at * 1000, asked);
    if (message.kind !== "update" || message.rev <= view.rev) return;
    if (message.rev === view.rev + 1) model.set("view", { ...patched(view, message.patch), rev: message.rev });
    else model.send({ verb: "sync", rev: view.rev });
  };
  model.on("msg:custom", hear);
  model.send({ verb: "sync", rev: model.get("view").rev });
  return () => model.off("msg:custom", hear);
}
