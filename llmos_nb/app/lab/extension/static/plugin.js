// What the extension adds to JupyterLab, a file each. A part that the running Lab lacks a module for is left out, and
// the others work.
const PARTS = ["renderer", "processes", "cells_prose", "cells_ask", "cells_offers"];

/** The plugins, made with Lab's own modules. */
export async function plugins(shared) {
  const made = [];
  for (const name of PARTS) {
    try {
      made.push(...(await (await import(`./${name}.js`)).plugins(shared)));
    } catch (error) {
      console.warn(`llmos_nb: ${name} is not offered here`, error);
    }
  }
  return made;
}
