// What was pressed and has had no effect yet: its button says so in the frame of the click, whoever is busy.

const ANSWERED_MS = 1500; // after which what was heard and changed nothing can be pressed anew

/** What a button says from its click on until its effect is seen. */
export const DOING = {
  approve: "Approving…",
  approve_rest: "Approving…",
  approve_same: "Approving…",
  reject: "Rejecting…",
  resolve: "Settling…",
  skip: "Skipping…",
  pause: "Pausing…",
  resume: "Resuming…",
  stop: "Stopping…",
  undo: "Undoing…",
  undo_all: "Undoing…",
  redo: "Redoing…",
  export: "Exporting…",
};
const LONG = ["export", "stop"]; // they end with an answer, or a new state

/** Note that the message sent last was a button's, and say so. */
export function beginDoing(p, name, step) {
  const act = { approve_typed: "approve", reject_why: "reject" }[name] ?? name;
  if (!DOING[act]) return;
  p.doing = { act, n: step ? `${step.n}` : "", seq: p.ref(p.sent) };
  p.announce(DOING[act]);
  p.draw();
}

/** It was heard: what changes nothing can be pressed anew in a moment. */
export function heardDoing(p, seq) {
  if (p.doing?.seq !== seq || LONG.includes(p.doing.act)) return;
  setTimeout(() => {
    if (p.doing?.seq !== seq) return;
    p.doing = null;
    p.draw();
  }, ANSWERED_MS);
}

/** A new state is the effect of what was pressed, but not of an export, which has an answer of its own. */
export function endDoing(p) {
  if (p.doing?.act !== "export" || p.offline != null) p.doing = null;
}

/** Bring buttons back to their own words, before they are drawn. */
export function ownWords(p) {
  for (const [element, text, named] of p.busy ?? []) {
    element.removeAttribute("aria-busy");
    if (named) element.removeAttribute("aria-label");
    element.querySelector("span").textContent = text;
  }
  p.busy = [];
}

/** Say what is under way on the buttons that do it; they keep their names, by which they are found. */
export function sayDoing(p) {
  const { act, n } = p.doing ?? {};
  const found = act ? p.root.querySelectorAll(`button[data-act="${act}"]`) : [];
  for (const element of found) {
    const words = element.querySelector("span");
    if (!words || (element.closest("li.step")?.dataset.n ?? "") !== n) continue;
    const named = !element.hasAttribute("aria-label");
    p.busy.push([element, words.textContent, named]);
    if (named) element.setAttribute("aria-label", words.firstChild.textContent);
    element.setAttribute("aria-busy", "true");
    words.textContent = DOING[act];
  }
}
