// Time travel over a finished journal, on real time but for long waits: bars of model, tool and waiting for you, with
// steps, decisions and errors.
import { duration } from "./clock.js";
import { button, h, icon, lazy } from "./dom.js";
import { scaled } from "./scale.js";

const WHO = { model: "model", tool: "tool", you: "waiting for you" };
const HAIR = 0.15; // percent
const APART = 1.3; // percent: of marks that would stand on one another one is drawn
const LABEL = [2.2, 0.7]; // percent of the width for a label, and for each of its characters

/** Where the slider stands: where the reader put it, until the view of that event is there. */
export function timeAt(p) {
  const last = p.view.events.length - 1;
  return Math.min(Math.max(p.ui.at ?? p.view.at ?? last, 0), last);
}

/** The event that is drawn nearest to a place, in milliseconds. */
export function eventAt(p, ms) {
  const { drawn } = scaled(p.view);
  const far = ({ s }) => Math.abs(drawn(s) * 1000 - ms);
  const { events } = p.view;
  return events.reduce((best, event, i) => (far(event) < far(events[best]) ? i : best), 0);
}

// A wait that is drawn short is broken, with its time in words where they have room.
function broken({ at, short }) {
  return short.map(({ begin, end }) => {
    const words = duration(end - begin);
    const room = at(end) - at(begin) > LABEL[0] + LABEL[1] * words.length;
    return h("span.cut", { left: `${(at(begin) + at(end)) / 2}%` }, room && words);
  });
}

function bars(stretches, scale) {
  const { at } = scale;
  const sum = (who) => stretches.filter((each) => each.who === who).reduce((total, { begin, end }) => total + end - begin, 0);
  const say = Object.entries(WHO).map(([who, word]) => `${word} ${duration(sum(who))}`);
  if (scale.short.length) say.push(`drawn short: ${scale.short.map(({ begin, end }) => duration(end - begin)).join(", ")}`);
  let seen = -1; // up to where it is drawn: what would be thinner than a hair beside it is not
  const bar = ({ who, begin, end }) => {
    const [left, right] = [at(begin), at(end)];
    if (right - seen < HAIR) return null;
    seen = right;
    return h(`i.${who}`, { left: `${left}%`, width: `${right - left}%` });
  };
  return h("div.gantt", { role: "img", "aria-label": say.join(", ") }, stretches.map(bar), broken(scale));
}

// Of marks of one kind that would stand on one another, the first.
function marks(events, scale) {
  const last = {};
  return events.map(({ mark, s }) => {
    const at = scale.at(s);
    if (!mark || at - (last[mark] ?? -1) < APART) return null;
    last[mark] = at;
    return h(`span.mark.${mark === "h" ? "ask" : "bad"}`, { left: `${at}%` }, icon(mark === "h" ? "waiting" : "failed"));
  });
}

// A name that has no room at the right of its line stands at the left of it; one without room is left out.
function names(begun, scale) {
  let free = 0;
  return begun.map(([name, s]) => {
    const [at, wide] = [scale.at(s), LABEL[0] + LABEL[1] * name.length];
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
  const [at, scale] = [timeAt(p), scaled(p.view)];
  const event = events[at];
  const slider = {
    type: "range",
    min: 0,
    max: Math.round(scale.all * 1000),
    value: `${Math.round(scale.drawn(event.s) * 1000)}`,
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
        h("div", { "data-key": "bars" }, marks(events, scale), bars(stretches, scale), h("div.nos", { "aria-hidden": "true" }, names(begun, scale))),
      ),
      h("i.at", { left: `${scale.at(event.s)}%`, "aria-hidden": "true" }),
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
