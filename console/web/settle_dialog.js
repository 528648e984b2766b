/** The question before many alerts are settled at once, and what became of each of them. */

import { make } from "./dom.js";
import { chosenCase, plainCaseSelect } from "./plain_case.js";
import { coded, word } from "./words.js";

/** So many go into one request; each alert is a transaction of its own. */
const AT_ONCE = 25;
/** How long one request may take on a machine that is busy with other work. */
const PATIENCE_MS = 60_000;

/** @typedef {{alert_key: string, status: number, detail: string | null, state: string | null, holder: string | null}} Settled */

/**
 * Asks what the alerts were, settles them if somebody says so, and tells which were not.
 * @param {import("./api.js").Api} api @param {import("./records.js").SiteView} site @param {string[]} keys
 * @returns {Promise<void>} once the dialog is closed
 */
export function askAndSettle(api, site, keys) {
  const note = make("textarea", { name: "note", rows: 2, maxLength: 4000 });
  const form = make("form", { method: "dialog" },
    make("h2", {}, word("settle_many_title", { n: keys.length })),
    make("p", {}, word("settle_many_says")),
    make("label", {}, word("plain_title"), plainCaseSelect(site, word("plain_title"))),
    make("label", {}, word("note"), note),
    make("div", { className: "buttons" },
      make("button", { type: "submit", className: "main" }, word("settle_many", { n: keys.length })),
      make("button", { type: "button", className: "quiet", onclick: () => dialog.close() }, word("cancel"))));
  const dialog = make("dialog", { className: "settling", "aria-label": word("settle_many_title", { n: keys.length }) }, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const said = chosenCase(site, new FormData(form).get("plain"));
    if (said !== undefined) settleAll(api, keys, { ...said, note: note.value.trim() || null }, dialog);
  });
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => {
    dialog.remove();
    resolve();
  }));
}

/** @param {import("./api.js").Api} api @param {string[]} keys @param {object} said @param {HTMLDialogElement} dialog */
async function settleAll(api, keys, said, dialog) {
  /** @type {Settled[]} */
  const told = [];
  let trouble = "";
  const progress = make("p", { role: "status" });
  dialog.replaceChildren(progress);
  for (let k = 0; k < keys.length && trouble === "" && dialog.open; k += AT_ONCE) {
    progress.textContent = word("settling", { n: k, of: keys.length });
    try {
      const body = JSON.stringify({ ...said, keys: keys.slice(k, k + AT_ONCE) });
      const headers = { "Content-Type": "application/json" };
      const signal = AbortSignal.timeout(PATIENCE_MS);
      told.push(...(await api.read("/v1/alerts/settle", { method: "POST", headers, body, signal })).items);
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
  }
  dialog.replaceChildren(...outcome(keys.length, told, trouble), make("div", { className: "buttons" },
    make("button", { type: "button", className: "main", onclick: () => dialog.close() }, word("understood"))));
  dialog.querySelector("button")?.focus();
}

/** @param {number} asked @param {Settled[]} told @param {string} trouble */
function outcome(asked, told, trouble) {
  const refused = told.filter((item) => item.status !== 200);
  const n = told.length - refused.length;
  return [
    make("h2", {}, word(n === asked ? "settled_all" : "settled_some", { n, of: asked })),
    ...(trouble === "" ? [] : [make("p", { className: "wrong" }, word("settled_broken", { n: asked - told.length, why: trouble }))]),
    ...(refused.length === 0 ? [] : [
      make("p", {}, word("settled_not", { n: refused.length })),
      make("ul", { className: "refused" }, ...refused.map((item) => make("li", {}, make("code", {}, item.alert_key.slice(0, 10)), " ",
        item.state === null ? word("settled_gone") : [coded("state", item.state), item.holder].filter(Boolean).join(" · "))))]),
  ];
}
