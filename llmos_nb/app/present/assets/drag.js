// A step is moved by its grip, to where it is let go.

const rowsOf = (p) => [...p.root.querySelectorAll(".pd > li.step")];

/** Begin to drag where a grip is pressed. */
export function onGrip(event, p) {
  const grip = event.target.closest(".grip");
  if (!grip || event.button) return;
  const li = grip.closest("li.step");
  const from = event.clientY;
  const move = ({ clientY }) => {
    li.style.transform = `translateY(${clientY - from}px)`;
  };
  const end = ({ type, clientY }) => {
    for (const [kind, listener] of Object.entries(on)) grip.removeEventListener(kind, listener);
    li.classList.remove("drag");
    li.style.transform = "";
    if (type === "pointerup") drop(p, li, clientY - from);
  };
  const on = { pointermove: move, pointerup: end, pointercancel: end };
  grip.setPointerCapture(event.pointerId);
  for (const [kind, listener] of Object.entries(on)) grip.addEventListener(kind, listener);
  li.classList.add("drag");
  event.preventDefault(); // nothing is selected on the way
  grip.focus();
}

// It takes the place of the furthest row whose middle it has passed.
function drop(p, li, by) {
  const rows = rowsOf(p);
  const at = rows.indexOf(li);
  const middle = (row) => row.offsetTop + row.offsetHeight / 2;
  const here = middle(li) + by;
  const over = by < 0 ? rows.slice(0, at).find((row) => here < middle(row)) : rows.slice(at + 1).findLast((row) => here > middle(row));
  if (over) p.send({ verb: "move", step: p.step(li.dataset.n).n, to: p.step(over.dataset.n).n });
}
