// Where two texts differ, by lines, and how an editor shows it: new lines tinted, old ones struck above them.

const MOST = 1_000_000; // cells of the table; of texts that need more, all lines between the equal ends count as new

/** The lines of two texts in order: [" " | "-" | "+", line]. */
export function difference(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from++;
  let [i, j] = [a.length, b.length];
  while (i > from && j > from && a[i - 1] === b[j - 1]) [i, j] = [i - 1, j - 1];
  const same = (lines) => lines.map((line) => [" ", line]);
  return [...same(a.slice(0, from)), ...middle(a.slice(from, i), b.slice(from, j)), ...same(a.slice(i))];
}

function middle(a, b) {
  if (a.length * b.length > MOST) return [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  const longest = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i][j] =
        a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const found = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      found.push([" ", a[i]]);
      [i, j] = [i + 1, j + 1];
    } else if (i < a.length && (j === b.length || longest[i + 1][j] >= longest[i][j + 1])) found.push(["-", a[i++]]);
    else found.push(["+", b[j++]]);
  }
  return found;
}

/** An extension of an editor that shows its text as a change of what `before()` gives, if it gives a text; and what
 * has to be told to the editor when it gives another. */
export function changeOf(before, { Decoration, EditorView, WidgetType }, { StateEffect, StateField }) {
  const other = StateEffect.define();

  class Removed extends WidgetType {
    constructor(lines) {
      super();
      this.lines = lines;
    }
    eq(other) {
      return other.lines.join("\n") === this.lines.join("\n");
    }
    toDOM() {
      const old = document.createElement("del");
      old.className = "llmos-removed";
      old.textContent = this.lines.join("\n") || " ";
      return old;
    }
  }

  function shown(doc) {
    const old = before();
    if (old === null) return Decoration.none;
    const ranges = [];
    let line = 1;
    let gone = [];
    const flush = () => {
      if (!gone.length) return;
      const side = line > doc.lines ? 1 : -1;
      const at = side > 0 ? doc.length : doc.line(line).from;
      ranges.push(Decoration.widget({ widget: new Removed(gone), block: true, side }).range(at));
      gone = [];
    };
    for (const [mark, text] of difference(old, doc.toString())) {
      if (mark === "-") {
        gone.push(text);
        continue;
      }
      flush();
      if (mark === "+") ranges.push(Decoration.line({ class: "llmos-added" }).range(doc.line(line).from));
      line++;
    }
    flush();
    return Decoration.set(ranges, true);
  }

  const extension = StateField.define({
    create: (state) => shown(state.doc),
    update: (value, { docChanged, effects, newDoc }) =>
      docChanged || effects.some((effect) => effect.is(other)) ? shown(newDoc) : value,
    provide: (field) => EditorView.decorations.from(field),
  });
  return { extension, changed: () => ({ effects: other.of(null) }) };
}
