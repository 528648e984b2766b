/** Three facts, each by itself: the link, rows coming in, the engine. A page that looks live and is not is the worst failure. */

import { moment, span } from "./units.js";
import { word } from "./words.js";

/** @typedef {import("./records.js").Status} Status */
/** @typedef {"plain" | "good" | "warn" | "bad"} Mood */
/** @typedef {{name: "link" | "reports" | "engine", mood: Mood, text: string}} Fact */

/** Real time without an answer after which the link counts as lost. */
export const LOST_MS = 3500;
/** Real time by which the newest report, or the engine, may lag without a word. */
const FRESH_MS = 60_000;
const KEEPS_UP_MS = 10_000;
/** From this part of all devices on, overdue ones are no longer each their own matter. */
const MANY = 1 / 5;

/** An age of the clock; where that is simulated it says so, for it is no time that anybody waited. @param {number} ms @param {Status} status */
function age(ms, status) {
  return word(status.simulated ? "age_simulated" : "age", { age: span(ms) });
}

/** @param {Status | null} status the last answer @param {number} silent_ms real time since then @returns {Fact} */
function link(status, silent_ms) {
  if (status === null) return { name: "link", mood: "plain", text: word("link_waiting") };
  if (silent_ms > LOST_MS) return { name: "link", mood: "bad", text: word("link_lost", { age: span(silent_ms) }) };
  return { name: "link", mood: "good", text: word("link_up") };
}

/** Whether rows come in as they are due. @param {Status} status @returns {Fact} */
function reports(status) {
  const { devices, overdue, newestAge_ms } = status.reports;
  const fact = (/** @type {Mood} */ mood, /** @type {string} */ text) => ({ name: /** @type {const} */ ("reports"), mood, text });
  if (status.intakeProblem !== null) return fact("bad", word("intake_fails"));
  if (devices === 0) return fact("plain", word("no_devices"));
  const newest = newestAge_ms === null ? word("no_fix") : word("newest_fix", { age: age(newestAge_ms, status) });
  if (overdue > 0) {
    const late = word(overdue === 1 ? "device_overdue" : "devices_overdue", { n: overdue, of: devices });
    return fact(overdue >= MANY * devices ? "warn" : "good", word("both", { one: late, other: newest }));
  }
  if (newestAge_ms !== null && newestAge_ms / status.speed <= FRESH_MS) return fact("good", newest);
  return fact("good", word("both", { one: word("none_due"), other: newest }));
}

/** Whether what came in is judged. @param {Status} status @returns {Fact} */
function engine(status) {
  const fact = (/** @type {Mood} */ mood, /** @type {string} */ text) => ({ name: /** @type {const} */ ("engine"), mood, text });
  if (status.engineWhy !== null) return fact("bad", word(`engine_${status.engineWhy}`));
  if (status.engineLag_ms === null) return fact("plain", word("engine_waiting"));
  if (status.engineLag_ms / status.speed <= KEEPS_UP_MS) return fact("good", word("engine_up"));
  return fact("warn", word("engine_lag", { age: age(status.engineLag_ms, status) }));
}

/** The facts; without a link nobody knows the others. @param {Status | null} status @param {number} silent_ms @returns {Fact[]} */
export function facts(status, silent_ms) {
  const first = link(status, silent_ms);
  if (status === null) return [first];
  if (first.mood !== "bad") return [first, reports(status), engine(status)];
  return [first, { name: "reports", mood: "plain", text: word("reports_unknown") },
    { name: "engine", mood: "plain", text: word("engine_unknown") }];
}

/** What makes all that is seen old, as whole sentences; nothing where all is well. @param {Status | null} status @param {number} silent_ms @returns {string[]} */
export function troubles(status, silent_ms) {
  if (status === null) return [];
  const time = moment(status.now_ms);
  if (silent_ms > LOST_MS) return [word("lost", { age: span(silent_ms), time })];
  const said = [];
  if (status.engineWhy !== null) {
    const judged = status.engineClock_ms === null ? word("nothing_judged") : word("judged_until", { time: moment(status.engineClock_ms) });
    said.push(word(`trouble_${status.engineWhy}`, { age: span(status.engineIdle_ms), judged }));
  }
  if (status.intakeProblem !== null) said.push(word("trouble_intake", { why: status.intakeProblem }));
  return said;
}
