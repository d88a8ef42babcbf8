// Real time as it is drawn: what happens has at least two thirds of the line, and waits that would take more are drawn
// short, the longest first.

const WAITS_MOST = 1 / 3; // of the line, for all waits together

// When nobody was at work: a person was waited for, or it was paused.
function waitsOf(stretches, all) {
  const found = [];
  const wait = (begin, end) => {
    if (end <= begin) return;
    const last = found.at(-1);
    if (last?.end === begin) last.end = end;
    else found.push({ begin, end });
  };
  let done = 0;
  for (const { who, begin, end } of [...stretches, { begin: all, end: all }]) {
    wait(done, begin);
    if (who === "you") wait(begin, end);
    done = Math.max(done, end);
  }
  return found;
}

// The length at which the longest have to be cut for all to fit into some room.
function cutAt(lengths, room) {
  const sorted = [...lengths].sort((a, b) => a - b);
  for (const [i, length] of sorted.entries()) {
    const each = room / (sorted.length - i);
    if (length > each) return each;
    room -= length;
  }
  return Infinity;
}

/** The drawn moment of each second, in seconds; how many there are in all; and the waits that are drawn short. */
export function scaled({ events, stretches = [] }) {
  const all = Math.max(events.at(-1).s, 0.001);
  const waits = waitsOf(stretches, all);
  const lengths = waits.map(({ begin, end }) => end - begin);
  const work = all - lengths.reduce((sum, each) => sum + each, 0);
  const most = work > 0 ? cutAt(lengths, (work * WAITS_MOST) / (1 - WAITS_MOST)) : Infinity;
  const short = waits.filter(({ begin, end }) => end - begin > most);
  const lost = (s, { begin, end }) => (Math.min(Math.max(s - begin, 0), end - begin) * (end - begin - most)) / (end - begin);
  const drawn = (s) => short.reduce((sum, wait) => sum - lost(s, wait), s);
  const whole = drawn(all);
  return { all: whole, drawn, at: (s) => (drawn(s) / whole) * 100, short };
}
