// That what waits is in view, and how high a panel is that waits or has ended.
const EDITORS = "input, textarea, select, .cm-content, [contenteditable=true]";

// Who writes somewhere else sees nothing move.
function writesElsewhere(p) {
  const at = document.activeElement;
  return Boolean(at?.matches(EDITORS)) && !p.root.contains(at);
}

/** Take the height of what is shown, at most the panel's own; with `more`, none that is less than before. */
export function fit(p, more = false) {
  const frame = p.root.querySelector(".frame");
  p.unfit = !p.root.checkVisibility(); // in a tab behind others nothing has a height
  if (p.ui.folded || p.unfit || writesElsewhere(p)) return;
  if (p.view.foot) p.ran = false; // from its end on it is as high as what it has
  const before = frame.offsetHeight;
  p.root.style.removeProperty("--fit");
  p.root.toggleAttribute("data-fit", true);
  const wanted = Math.max(frame.offsetHeight, more ? before : 0);
  p.root.toggleAttribute("data-fit", !p.ran);
  if (p.ran) p.root.style.setProperty("--fit", `${wanted}px`);
}

/** Let a panel that changed in a tab behind others take its height once it is shown; gives what ends it. */
export function fitWhenShown(p) {
  const observer = new ResizeObserver(() => {
    if (!p.unfit || !p.root.checkVisibility()) return;
    fit(p);
    if (p.view.card) reveal(p);
  });
  observer.observe(p.root);
  return () => observer.disconnect();
}

/** Bring a question into view where its cell is looked at: what has just been run stands at the lower edge. */
export function reveal(p) {
  if (writesElsewhere(p)) return;
  const cell = p.root.closest(".jp-Cell") ?? p.root;
  const scroller = p.root.closest(".jp-WindowedPanel-outer, .jp-Notebook") ?? document.documentElement;
  const [box, view] = [cell, scroller].map((each) => each.getBoundingClientRect());
  if (box.bottom <= Math.max(view.top, 0) || box.top >= Math.min(view.bottom, innerHeight)) return;
  const verbs = [...p.root.querySelectorAll(".card > :is(.go, .form)")].at(-1);
  for (const part of [p.root, verbs]) part?.scrollIntoView({ block: "nearest" });
}
