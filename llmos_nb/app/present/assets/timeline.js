// Time travel over a finished journal: a bar an event, its height the size of the prompt.
import { button, h, icon, lazy, s } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 34;

// Heights are relative to the largest prompt, so a long run does not leave its band.
function promptSizes(events) {
  let last = 0;
  return events.map((event) => (last = event.kb ?? last));
}

function bars(sizes, at) {
  const unit = (HEIGHT - 3) / Math.max(7.4, ...sizes);
  const step = WIDTH / sizes.length;
  const gap = Math.min(1.2, step / 4);
  const x = (i) => (i / Math.max(1, sizes.length - 1)) * WIDTH - step / 2 + gap / 2;
  const bar = (size, i) =>
    s("rect", {
      x: x(i),
      y: HEIGHT - size * unit,
      width: step - gap,
      height: size * unit,
      class: i === at ? "now" : null,
    });
  return s(
    "svg",
    { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
    ...sizes.map(bar),
  );
}

function marks(events) {
  const last = Math.max(1, events.length - 1);
  const mark = (event, i) => {
    if (!event.mark) return null;
    const kind = event.mark === "h" ? ["waiting", "ask"] : ["failed", "bad"];
    return h(`span.mark.${kind[1]}`, { left: `calc(8px + ${i / last} * (100% - 16px) - 5px)` }, icon(kind[0]));
  };
  return events.map(mark);
}

/** Where the slider stands: where the reader put it, until the view of that event is there. */
export function timeAt(p) {
  const last = p.view.events.length - 1;
  return Math.min(Math.max(p.ui.at ?? p.view.at ?? last, 0), last);
}

export function timeline(p) {
  const { events } = p.view;
  const at = timeAt(p);
  const sizes = promptSizes(events);
  const event = events[at];
  const slider = {
    type: "range",
    min: 0,
    max: events.length - 1,
    value: `${at}`,
    "data-act": "seek",
    "aria-label": "Event",
    "aria-valuetext": `event ${at + 1} of ${events.length}: ${event.k}, ${event.t}`,
  };
  return h(
    "div.time",
    { "data-key": "time" },
    button("‹", { act: "earlier", say: "Earlier event", look: ".bare" }),
    h(
      "div.track",
      {},
      lazy("div", "spark", [events, at], () =>
        h("div", { "data-key": "spark" }, bars(sizes, at), marks(events)),
      ),
      h("input", slider),
    ),
    button("›", { act: "later", say: "Later event", look: ".bare" }),
    h(
      "output",
      {},
      h("b", {}, `Event ${at + 1} of ${events.length}`),
      h("code", {}, event.k),
      h("span", {}, event.t),
      h("span.mute", {}, `prompt ${sizes[at].toFixed(1)} KB`),
      h("span.mute.key", {}, icon("waiting"), " you decided  ", icon("failed"), " error"),
    ),
  );
}
