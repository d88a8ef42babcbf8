// The goal of a `%%agent` cell as prose: it wraps, has no colours of Python, and what it names can be seen.
import { style } from "./cells.js";
import { isGoal } from "./cells_goal.js";

const PROSE = "text/x-llmos-goal"; // no language of the editor's, so it is painted as plain text
const LONGEST = 50_000; // characters of a cell that is looked at
const BEGINS = 4_000; // in which the magic stands
const PARTS = /(%%agent)(?=\s|$)|(?<=\s)(--?[a-zA-Z][\w-]*)/g;
const NAMES = /[&!]?`[^`\n]+`/g;
const former = new WeakMap(); // the media type that a cell's model had before ours

/** Give a model the media type of prose while it holds a goal, and its former one afterwards. No document changes.
 *
 * Lab loads languages as they are wanted, and one that comes late takes the place of what was wanted after it: then the
 * editor is `painted` in spite of its media type, which has to be set once more.
 */
function settle(model, goal, painted) {
  if (goal && (painted || model.mimeType !== PROSE)) {
    if (model.mimeType === PROSE) model.mimeType = "text/plain";
    else former.set(model, model.mimeType);
    model.mimeType = PROSE;
  } else if (!goal && model.mimeType === PROSE) {
    model.mimeType = former.get(model) ?? "text/x-ipython";
  }
}

export async function plugins(shared) {
  const lab = await shared("@jupyterlab/codemirror");
  const { EditorExtensionRegistry, IEditorExtensionRegistry, IEditorLanguageRegistry } = lab;
  const { language } = await shared("@codemirror/language");
  const { Decoration, EditorView, ViewPlugin } = await shared("@codemirror/view");
  style();

  const isProse = (doc) => doc.length <= LONGEST && isGoal(doc.sliceString(0, BEGINS));
  const line = (name) => Decoration.line({ class: `llmos-${name}` });
  const mark = (name) => Decoration.mark({ class: `llmos-${name}` });
  const LOOKS = Object.fromEntries(["head", "goal", "code", "above"].map((name) => [name, line(name)]));
  const MARKS = Object.fromEntries(["magic", "option", "name"].map((name) => [name, mark(name)]));

  /** The decorations of a goal: of the lines above, of the line of the magic with its options, of the prose. */
  function painted(doc) {
    if (!isProse(doc)) return Decoration.none;
    const ranges = [];
    let begun = false;
    let fenced = false;
    for (let n = 1; n <= doc.lines; n++) {
      const { from, text } = doc.line(n);
      const find = (pattern, markOf) => {
        for (const { 0: found, index } of text.matchAll(pattern))
          ranges.push(markOf(found).range(from + index, from + index + found.length));
      };
      if (begun) {
        const fence = text.trimStart().startsWith("```");
        const code = fenced || fence || /^( {4}|\t)/.test(text);
        if (fence) fenced = !fenced;
        ranges.push(LOOKS[code ? "code" : "goal"].range(from));
        if (!code) find(NAMES, () => MARKS.name);
      } else {
        begun = text.startsWith("%%agent");
        ranges.push(LOOKS[begun ? "head" : "above"].range(from));
        if (begun) find(PARTS, (found) => (found === "%%agent" ? MARKS.magic : MARKS.option));
      }
    }
    return Decoration.set(ranges, true);
  }

  const paint = ViewPlugin.define(
    (view) => ({
      decorations: painted(view.state.doc),
      update(update) {
        if (update.docChanged) this.decorations = painted(update.state.doc);
      },
    }),
    { decorations: (plugin) => plugin.decorations },
  );

  // A media type changes the editor, which it cannot bear while it updates: that waits for its end.
  const keep = (model, isPainted) =>
    ViewPlugin.define((view) => {
      let gone = false;
      let again = 5; // a language comes late once; should one come for ever, there is an end to it
      const settled = () => {
        if (gone) return;
        const late = isPainted(view.state) && model.mimeType === PROSE && again-- > 0;
        settle(model, isProse(view.state.doc), late);
      };
      const soon = () => queueMicrotask(settled);
      model.mimeTypeChanged.connect(soon);
      soon();
      return {
        update({ docChanged, startState, state }) {
          if (docChanged || startState.facet(language) !== state.facet(language)) soon();
        },
        destroy() {
          gone = true;
          model.mimeTypeChanged.disconnect(soon);
        },
      };
    });

  const wrap = EditorView.contentAttributes.compute(["doc"], ({ doc }) =>
    isProse(doc) ? { class: "cm-lineWrapping llmos-prose", "aria-label": "Goal of an agent" } : {},
  );

  return [
    {
      id: "llmos_nb:prose",
      autoStart: true,
      requires: [IEditorExtensionRegistry, IEditorLanguageRegistry],
      activate(_, registry, languages) {
        const plain = languages.findByMIME("text/plain")?.support?.language;
        const isPainted = (state) => ![null, plain].includes(state.facet(language));
        registry.addExtension({
          name: "llmos-prose",
          factory: ({ inline, model }) =>
            inline && (model.type ?? "code") === "code"
              ? EditorExtensionRegistry.createImmutableExtension([wrap, paint, keep(model, isPainted)])
              : null,
        });
      },
    },
  ];
}
