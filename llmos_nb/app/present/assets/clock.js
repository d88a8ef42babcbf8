// Times that run on: the process says since when, the page counts, and writes only what has changed.
import { h } from "./dom.js";

const TICK_MS = 250;
const MINUTE = 60;
const HOUR = 3600;

function two(seconds, large, name, small, rest) {
  const left = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${name}${left ? ` ${left} ${rest}` : ""}`;
}

/** How long something took, in the words of the process: "0.1 s", "41 s", "2 min 5 s", "3 h 10 min". */
export function duration(seconds) {
  const tenths = seconds.toFixed(1);
  if (seconds < 10) return `${tenths} s`;
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds >= 24 * HOUR) return two(seconds, 24 * HOUR, "d", HOUR, "h");
  return seconds < HOUR ? two(seconds, MINUTE, "min", 1, "s") : two(seconds, HOUR, "h", MINUTE, "min");
}

/** A time as on a clock: "0:41", "1:02:05". */
function onClock(seconds) {
  const [whole, digits] = [Math.floor(seconds), (n) => `${n}`.padStart(2, "0")];
  const [hours, minutes] = [Math.floor(whole / HOUR), Math.floor(whole / MINUTE)];
  return hours ? `${hours}:${digits(minutes % MINUTE)}:${digits(whole % MINUTE)}` : `${minutes}:${digits(whole % MINUTE)}`;
}

/** The seconds that a clock stands at: `p.moment` is the page's time, `skew` by how much that is ahead of the process's. */
export function passed({ since, base = 0 }, p) {
  return base + Math.max(0, p.moment - (p.view.skew ?? 0) - Date.parse(since)) / 1000;
}

function said(clock, p) {
  const seconds = passed(clock, p);
  return clock.say ? clock.say.replace("{}", duration(seconds)) : onClock(seconds);
}

/** A time that runs on. */
export function tick(clock, p) {
  return h("span.tick", { "data-clock": JSON.stringify(clock) }, said(clock, p));
}

/** Let the times under the panel run; gives what ends it. */
export function runClocks(p) {
  const write = () => {
    for (const element of p.root.querySelectorAll("[data-clock]")) {
      const clock = JSON.parse(element.dataset.clock);
      const text = said(clock, p);
      if (element.textContent === text) continue;
      element.textContent = text;
      const bar = clock.top && element.closest("div").querySelector("i b");
      if (bar) bar.style.width = share(passed(clock, p) / clock.top);
    }
  };
  const timer = setInterval(write, TICK_MS);
  return () => clearInterval(timer);
}

/** A share as the width of its bar: what is begun is seen. */
export function share(part) {
  const percent = part ? Math.min(Math.max(part * 100, 1), 100).toFixed(1) : 0;
  return `${percent}%`;
}
