// Time travel over a finished journal, on real time: bars of model, tool and waiting for you, with steps, decisions and
// errors.
import { button, h, icon, lazy } from "./dom.js";

const WHO = { model: "model", tool: "tool", you: "waiting for you" };
const HAIR = 0.15; // percent
const APART = 1.3; // percent: of marks that would stand on one another one is drawn
const LABEL = [2.2, 0.7]; // percent of the width for a label, and for each of its characters

/** Where the slider stands: where the reader put it, until the view of that event is there. */
export function timeAt(p) {
  const last = p.view.events.length - 1;
  return Math.min(Math.max(p.ui.at ?? p.view.at ?? last, 0), last);
}

/** The event that is nearest to a moment, in milliseconds. */
export function eventAt(p, ms) {
  const far = ({ s }) => Math.abs(s * 1000 - ms);
  const { events } = p.view;
  return events.reduce((best, event, i) => (far(event) < far(events[best]) ? i : best), 0);
}

const length = ({ events }) => Math.max(events.at(-1).s, 0.001);

function bars(stretches, all) {
  const sum = (who) =>
    stretches.filter((each) => each.who === who).reduce((total, { begin, end }) => total + end - begin, 0).toFixed(1);
  const say = Object.entries(WHO).map(([who, word]) => `${word} ${sum(who)} s`);
  let seen = -1; // up to where it is drawn: what would be thinner than a hair beside it is not
  const bar = ({ who, begin, end }) => {
    const [left, right] = [(begin / all) * 100, (end / all) * 100];
    if (right - seen < HAIR) return null;
    seen = right;
    return h(`i.${who}`, { left: `${left}%`, width: `${right - left}%` });
  };
  return h("div.gantt", { role: "img", "aria-label": say.join(", ") }, stretches.map(bar));
}

// Of marks of one kind that would stand on one another, the first.
function marks(events, all) {
  const last = {};
  return events.map(({ mark, s }) => {
    const at = (s / all) * 100;
    if (!mark || at - (last[mark] ?? -1) < APART) return null;
    last[mark] = at;
    return h(`span.mark.${mark === "h" ? "ask" : "bad"}`, { left: `${at}%` }, icon(mark === "h" ? "waiting" : "failed"));
  });
}

// A name that has no room at the right of its line stands at the left of it; one without room is left out.
function names(begun, all) {
  let free = 0;
  return begun.map(([name, s]) => {
    const [at, wide] = [(s / all) * 100, LABEL[0] + LABEL[1] * name.length];
    const back = at + wide > 101;
    if (at - (back ? wide : 0) < free) return null;
    free = at + wide;
    return back ? h("span.back", { right: `${100 - at}%` }, name) : h("span", { left: `${at}%` }, name);
  });
}

function legend() {
  const bar = ([who, word]) => h("span", {}, h(`i.${who}`), word);
  const mark = (look, glyph, word) => h(`span.${look}`, {}, icon(glyph), word);
  return h("div.key", { "aria-hidden": "true" }, Object.entries(WHO).map(bar), mark("ask", "waiting", "you decided"), mark("bad", "failed", "error"));
}

/** The slider over its bars, and what the event says that it stands at. */
export function timeline(p) {
  const { events, stretches = [], begun = [] } = p.view;
  const [at, all] = [timeAt(p), length(p.view)];
  const event = events[at];
  const slider = {
    type: "range",
    min: 0,
    max: Math.round(all * 1000),
    value: `${Math.round(event.s * 1000)}`,
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
      lazy("div", "bars", [events, stretches, begun], () =>
        h("div", { "data-key": "bars" }, marks(events, all), bars(stretches, all), h("div.nos", { "aria-hidden": "true" }, names(begun, all))),
      ),
      h("i.at", { left: `${(event.s / all) * 100}%`, "aria-hidden": "true" }),
      h("input", slider),
    ),
    button("›", { act: "later", say: "Later event", look: ".bare" }),
    h(
      "div.sum",
      {},
      h("output", {}, h("b", {}, `Event ${at + 1} of ${events.length}`), h("code", {}, event.k), h("span", {}, event.t)),
      legend(),
    ),
  );
}
