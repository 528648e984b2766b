/** The tab's title: what waits, and first of all what is urgent, for whoever looks at another tab. */

import { word } from "./words.js";

const known = { waiting: 0, urgent: 0 };

/** @param {Partial<typeof known>} counts alerts that nobody has taken up */
export function tellTitle(counts) {
  Object.assign(known, counts);
  const { waiting, urgent } = known;
  if (urgent > 0) document.title = `(${urgent}) ${word("title_urgent")} · fencewatch`;
  else document.title = waiting > 0 ? `(${waiting}) fencewatch` : "fencewatch";
}
