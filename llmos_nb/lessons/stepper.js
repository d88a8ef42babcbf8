// A run, stepped through: the journal, the loop, the prompt and what is new in it, calls and names. Plain DOM; every text
// of the run is set as text. The figure takes the colours of the page that it stands in.

/** Make an element: its tag and classes, attributes, children. */
function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat());
  return made;
}

const section = (title, ...children) => h("section", {}, h("div.head", {}, title), ...children);
const none = (text) => h("span.none", {}, text);

/** The messages of a prompt; those that the one before it did not have are marked. */
function prompt(prompts, n) {
  if (n < 0) return none("the model was not asked yet");
  const before = prompts[n - 1] ?? [];
  const same = (m, i) => before[i]?.role === m.role && before[i]?.text === m.text;
  const first = prompts[n].findIndex((m, i) => !same(m, i));
  return prompts[n].map((m, i) =>
    h(i >= first && first >= 0 ? "div.message.new" : "div.message", {}, h("b", {}, m.role), h("span", {}, m.text), i >= first && first >= 0 ? h("i", {}, "new") : ""),
  );
}

function loop(stages, stage, ended) {
  const lit = ended ? "answer" : stage;
  const nodes = stages.map((name) => h(name === lit ? "span.node.lit" : "span.node", name === lit ? { "aria-current": "step" } : {}, name));
  return nodes.flatMap((node, i) => (i ? [h("span.arrow", { "aria-hidden": "true" }, "→"), node] : [node]));
}

function chips(words, marked) {
  return words.length ? words.map((w) => h(marked(w) ? "code.new" : "code", {}, w)) : none("none");
}

/** Draw the figure in place of the text that stands there. */
function draw(root) {
  const { steps, prompts, stages } = JSON.parse(root.querySelector("script").textContent);
  if (!steps.length) return;
  const last = steps.length - 1;
  const slider = h("input", { type: "range", min: 0, max: last, value: 0, "aria-label": "event" });
  const [back, next] = ["previous event", "next event"].map((label, i) => h("button", { type: "button", "aria-label": label }, "◀▶"[i]));
  const place = h("output", { "aria-live": "polite" });
  const rows = steps.map((s, n) => h("button.row", { type: "button", tabindex: -1 }, h("span.n", {}, n), h("code", {}, s.k), h("span", {}, s.t)));
  const journal = h("div.journal", { role: "group", "aria-label": "journal" }, rows);
  const [stage, asked, calls, names, facts] = ["div.loop", "div.prompt", "div", "div", "div"].map((tag) => h(tag));
  asked.tabIndex = 0;
  asked.setAttribute("role", "group");
  asked.setAttribute("aria-label", "prompt");
  let shown = -1;

  function go(n) {
    n = Math.min(Math.max(n, 0), last);
    const now = steps[n];
    const before = Object.fromEntries((steps[n - 1]?.calls ?? []).map(([id, , status]) => [id, status]));
    slider.value = n;
    place.textContent = `event ${n} of ${last}: ${now.k}`;
    slider.setAttribute("aria-valuetext", place.textContent);
    [back.disabled, next.disabled] = [n === 0, n === last];
    rows.forEach((row, i) => {
      row.classList.toggle("lit", i === n);
      row.classList.toggle("later", i > n);
      row.toggleAttribute("aria-current", i === n);
    });
    journal.scrollTop = rows[n].offsetTop - journal.offsetTop - journal.clientHeight / 2;
    stage.replaceChildren(...loop(stages, now.stage, now.process.startsWith("ended")));
    if (now.prompt !== shown || n === 0) asked.replaceChildren(...[prompt(prompts, now.prompt)].flat());
    if (now.prompt !== shown) asked.scrollTop = asked.querySelector(".new")?.offsetTop - asked.offsetTop || 0;
    shown = now.prompt;
    const told = now.calls.map(([id, name, status]) => [`${id} ${name}: ${status}`, before[id] !== status]);
    calls.replaceChildren(...[chips(told.map(([t]) => t), (t) => told.find(([u]) => u === t)[1])].flat());
    names.replaceChildren(...[chips(now.names, (name) => now.now.includes(name))].flat());
    facts.textContent = `${now.process} · decided by: ${now.by || "nobody yet"}`;
  }

  slider.addEventListener("input", () => go(Number(slider.value)));
  back.addEventListener("click", () => go(Number(slider.value) - 1));
  next.addEventListener("click", () => go(Number(slider.value) + 1));
  rows.forEach((row, n) => row.addEventListener("click", () => go(n)));
  for (const kind of ["keydown", "keyup"]) root.addEventListener(kind, (e) => e.stopPropagation()); // Jupyter has keys, too
  root.replaceChildren(
    h("div.bar", {}, back, slider, next, place),
    h("div.columns", {}, section("journal", journal), h("div", {}, section("the loop", stage), section("the prompt", asked), section("calls", calls), section("names that changed", names), section("the process", facts))),
  );
  go(0);
}

/** Draw it as soon as it stands on the page. */
function begin(id, tries = 300) {
  const root = document.getElementById(id);
  if (root) draw(root);
  else if (tries) requestAnimationFrame(() => begin(id, tries - 1));
}
