// Forms: fields, what they hold, and the rows and cards that carry them.
import { button, h } from "./dom.js";
import { refusal } from "./refused.js";

const SAVE = { act: "save", look: ".main", key: "Ctrl ↵" };
const SEND = { ...SAVE, key: "↵" }; // of words: Shift ↵ breaks the line
const CANCEL = { act: "cancel", key: "Esc" };

/** Label and field in one; `name` is the key under which `readForm` finds it. */
export function field(label, name, value, { rows, placeholder } = {}) {
  const attrs = { name, placeholder, value: value ?? "" };
  const input = rows
    ? h("textarea", { ...attrs, rows, spellcheck: "false" })
    : h("input", { type: "text", ...attrs });
  return h("label", {}, label, input);
}

/** What the fields under an element hold. */
export function readForm(form) {
  const fields = [...form.querySelectorAll("[name]")];
  return Object.fromEntries(fields.map((input) => [input.name, input.value]));
}

function stepFields(step) {
  return [
    field("Title", "title", step?.t),
    field("Expects", "expect", step?.x),
    field("Code, empty if the model should write it", "code", step?.code, { rows: 3 }),
  ];
}

const FORMS = {
  edit: { fields: stepFields, save: "Save", note: "The policy looks at it again." },
  add: { fields: stepFields, save: "Save", note: "It comes last; move it with Alt ↑." },
  send: {
    fields: () => [field("To the model, which reads it before it goes on", "text", "", { rows: 2 })],
    save: "Send",
    go: SEND,
  },
  retry: {
    fields: () => [field("A hint for the model, empty if none", "hint", "")],
    save: "Retry with this hint",
  },
  reject: {
    fields: () => [field("Why not? The model reads this and plans again.", "why", "", { rows: 2 })],
    save: "Reject with this reason",
    go: SEND,
  },
};

/** The form in a row, or under the list for a new step. */
export function stepForm(p, kind, step) {
  const { fields, save, note, go: keyed = SAVE } = FORMS[kind];
  const go = h("div.go", {}, button(save, keyed), button("Cancel", CANCEL), note && h("span.mute", {}, note));
  return h("div.form", { "data-key": `form ${kind}`, "data-form": kind }, fields(step), refusal(p, step?.n ?? kind), go);
}

/** The reason for a rejection, in the card. */
export function rejectForm() {
  const why = field("Why not? The model reads this and plans again.", "why", "", { rows: 2 });
  const go = h(
    "div.go",
    {},
    button("Reject with this reason", { ...SEND, act: "reject_why" }),
    button("Back", CANCEL),
  );
  return h("div.form", { "data-key": "reject" }, why, go);
}

/** The answer to a question of the model's. */
export function questionForm(question) {
  const go = h("div.go", {}, button("Reply", { ...SEND, act: "reply" }));
  return h("div.form", { "data-key": "question" }, field(question, "text", "", { rows: 2 }), go);
}

// A number, a list or an object is edited as JSON, so that its type survives.
function shown(value) {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}

/** The field of one argument: a long text has room. */
export function argumentField({ name, value }) {
  const attrs = { name, "aria-label": name, value: shown(value) };
  const long = typeof value === "string" && (value.length > 60 || value.includes("\n"));
  return long ? h("textarea", { ...attrs, rows: 3 }) : h("input", { type: "text", ...attrs });
}

/** The arguments as typed, or null: then the fields that do not fit are marked and the first one has the focus. */
export function readArguments(form, args) {
  const out = {};
  const wrong = [];
  for (const { name, value } of args) {
    const input = form.querySelector(`[name="${CSS.escape(name)}"]`);
    try {
      if (input.value === input.baseValue) out[name] = value;
      else out[name] = typeof value === "string" ? input.value : JSON.parse(input.value);
      input.removeAttribute("aria-invalid");
    } catch {
      input.setAttribute("aria-invalid", "true");
      wrong.push(input);
    }
  }
  wrong[0]?.focus();
  return wrong.length ? null : out;
}
