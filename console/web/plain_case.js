/** Plain cases: everything that can be said of an alert in one step, as one choice of a list. */

import { make } from "./dom.js";
import { coded, word } from "./words.js";

/** @typedef {{verdict: string, reason: string | null, outcome: string}} Said */

/** What may be said of an alert at once, from the server's lists. @param {import("./records.js").SiteView} site @returns {Said[]} */
export function plainCases(site) {
  const found = site.reasons.map((reason) => ({ verdict: "false", reason, outcome: "false_alarm" }));
  /** @type {Said[]} */
  const others = ["true", "unverifiable"].flatMap((verdict) => site.plainOutcomes
    .filter((outcome) => (site.outcomes[verdict] ?? []).includes(outcome))
    .map((outcome) => ({ verdict, reason: null, outcome })));
  return [...found, ...others];
}

/** @param {import("./records.js").SiteView} site @param {string} label */
export function plainCaseSelect(site, label) {
  const cases = plainCases(site);
  const groups = ["false", "true", "unverifiable"].map((verdict) => {
    const group = make("optgroup", { label: word(`plain_${verdict}`) });
    cases.forEach((said, k) => {
      if (said.verdict !== verdict) return;
      const text = said.reason === null ? coded("outcome", said.outcome) : coded("reason", said.reason);
      group.append(make("option", { value: String(k) }, text));
    });
    return group;
  });
  return make("select", { name: "plain", required: true, "aria-label": label },
    make("option", { value: "" }, word("plain_choose")), ...groups);
}

/** What was chosen. @param {import("./records.js").SiteView} site @param {FormDataEntryValue | null} value @returns {Said | undefined} */
export function chosenCase(site, value) {
  return value === "" || value === null ? undefined : plainCases(site)[Number(value)];
}
