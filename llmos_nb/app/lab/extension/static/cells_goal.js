// What a goal is: a cell whose first line, below comments, is the magic; and the goal that asks to correct a cell.
const GOAL = /^(?:[ \t]*(?:#[^\n]*)?\n)*%%agent(?=\s|$)/;
const MOST_LINES = 60;

/** Whether a cell's source is the goal of a process. */
export function isGoal(source) {
  return GOAL.test(source);
}

/** What a goal says of a cell that failed.
 *
 * It names the error by its class alone and holds no word of its message: that may be somebody else's, out of a page or
 * a file, and a goal has the user's authority. The model reads the rest with its tool `cells`, as data. `count` is the
 * cell's number in this session, and 0 where it did not run in it.
 */
export function fixGoal(source, error, count) {
  const lines = source.replace(/\s+$/, "").split("\n");
  const plain = lines.length <= MOST_LINES && !source.includes("`") && !/^[ \t]*\|/m.test(source);
  const what = count ? `Cell [${count}]` : "This cell";
  const read = count ? ` cells(number=${count}) shows it with its whole error.` : "";
  const goal = `${what} fails with ${error}. Find the cause, and run the whole corrected cell as one step.${read}`;
  return plain || !count ? `${goal}\n\n${lines.map((line) => `    ${line}`).join("\n")}` : goal;
}
