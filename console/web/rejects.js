/** The operator's panel: rows that were refused, why, and whose they were. */

import { Api, Refusal } from "./api.js";
import { find, make, say } from "./dom.js";
import { moment } from "./units.js";
import { chooseLanguage, word, writeStaticWords } from "./words.js";

const TOKEN = "token";
const REASONS = ["malformed", "unknown_device", "bad_time", "bad_coordinates", "bad_value", "not_fixed", "too_late"];
const HEADS = ["rejects_at", "rejects_reason", "rejects_device", "rejects_sender", "rejects_source", "rejects_raw"];

/** @typedef {{id: number, at: string, source: string, place: number, reason: string, device_id: string | null, sender: string | null, raw: string}} Row */

const token = sessionStorage.getItem(TOKEN);
const api = new Api(token ?? "");
/** @type {Row[]} */
let rows = [];
/** @type {number | null} */
let next = null;
/** @type {Record<string, number> | null} */
let lastDay = null;

/** Without a token that counts there is nothing to be seen here. */
function leave() {
  sessionStorage.removeItem(TOKEN);
  location.assign("./");
}

/** @param {Row} row */
const line = (row) => make("tr", {}, ...[moment(Date.parse(row.at)), word(`reject_${row.reason}`), row.device_id ?? "–",
  row.sender ?? "–", `${row.source} ${row.place}`].map((text) => make("td", {}, text)), make("td", {}, make("code", {}, row.raw)));

function draw() {
  writeStaticWords();
  const chosen = /** @type {HTMLSelectElement} */ (find("reason")).value;
  find("reason").replaceChildren(make("option", { value: "" }, word("rejects_any")),
    ...REASONS.map((reason) => make("option", { value: reason, selected: reason === chosen }, word(`reject_${reason}`))));
  find("heads").replaceChildren(...HEADS.map((name) => make("th", { scope: "col" }, word(name))));
  find("rows").replaceChildren(...rows.map(line));
  say(find("none"), rows.length === 0 ? word("rejects_none") : "");
  find("more").hidden = next === null;
  const counts = Object.entries(lastDay ?? {}).map(([reason, n]) => `${word(`reject_${reason}`)} ${n}`);
  find("last-day").textContent = lastDay === null ? "" : word("rejects_last_day", { counts: counts.join(" · ") || "0" });
}

/** @param {boolean} isMore */
async function read(isMore) {
  const query = new URLSearchParams();
  for (const name of ["device", "reason"]) {
    const value = /** @type {HTMLInputElement} */ (find(name)).value.trim();
    if (value !== "") query.set(name, value);
  }
  if (isMore && next !== null) query.set("before", String(next));
  try {
    const told = /** @type {{items: Row[], next: number | null, last_day: Record<string, number> | null}} */ (
      await api.read(`/v1/rejects?${query}`));
    rows = isMore ? [...rows, ...told.items] : told.items;
    next = told.next;
    lastDay = told.last_day;
    say(find("wrong"), "");
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) return leave();
    say(find("wrong"), word("refused", { why: error instanceof Error ? error.message : String(error) }));
  }
  draw();
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    chooseLanguage(/** @type {HTMLElement} */ (button).dataset.language === "en" ? "en" : "zh");
    draw();
  });
}
find("leave").addEventListener("click", leave);
find("more").addEventListener("click", () => read(true));
find("choice").addEventListener("submit", (event) => {
  event.preventDefault();
  read(false);
});
if (token === null) leave();
else read(false);
