// What the model writes and what a call prints, as it comes, in one box of fixed height that follows the end unless
// somebody scrolled up.
import { tick } from "./clock.js";
import { h, lazy } from "./dom.js";
import { codeLines, markdown, words } from "./text.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");

// Where nothing shall move, text comes by whole lines.
const settled = (text) => (still.matches ? text.slice(0, text.lastIndexOf("\n") + 1) : text);

function phase(block, { clock, written, printed }) {
  if (block.code == null) return written ? "being written" : null;
  const lines = printed ? printed.replace(/\n$/, "").split("\n").length : 0;
  return [
    "runs",
    clock && [", ", { ...clock, say: "{}" }],
    lines > 0 && `, ${lines} line${lines > 1 ? "s" : ""} so far`,
  ];
}

/** The box; a block with code shows what runs and its prints, one without what the model writes. */
export function live(block, p) {
  const { stream = "", written = "", printed = "" } = p.view;
  const code = block.code ?? settled(written);
  const side = [phase(block, p.view)].flat(9).map((part) => (part?.since ? tick(part, p) : part));
  const box = { tabindex: 0, role: "group", "aria-label": block.label };
  const text = block.code == null && stream;
  return h(
    "div.writing",
    { "data-key": `live ${block.of ?? ""}` },
    h("div.cap", {}, h("span", {}, words(block.cap ?? "")), h("span", {}, block.side || side.filter(Boolean))),
    h(
      "div.wrap",
      {},
      h(
        "div.live",
        box,
        text && h("div.answer", { "data-key": "text" }, markdown(settled(text), p.callSteps())),
        code &&
          lazy("div", "code", [code], () =>
            h(block.code == null ? "div.code.growing" : "div.code", { "data-key": "code" }, codeLines(code, block.lang ?? "python")),
          ),
        block.code == null && !code && h("span.caret", { "data-key": "caret", "aria-hidden": "true" }),
        printed && h("div.out", { "data-key": "out" }, printed),
      ),
      h("button.tail", { type: "button", "data-act": "newest", hidden: !p.ui.away }, "↓ Newest"),
    ),
  );
}

/** Keep to the end of what is written, unless somebody looks at what came before. */
export function followEnd(p) {
  const box = p.root.querySelector(".live");
  if (!box) {
    p.ui.away = false;
    return;
  }
  box.onscroll ??= () => {
    p.ui.away = box.scrollTop + box.clientHeight < box.scrollHeight - 8;
    box.nextSibling.hidden = !p.ui.away;
  };
  if (!p.ui.away) box.scrollTop = box.scrollHeight;
}

/** Back to the end. */
export function newest(p) {
  p.ui.away = false;
  p.draw();
}
