/** How old what is shown is, always in sight: a page that looks live and is not would be the worst failure. */

import { find, say } from "./dom.js";
import { fullMoment, moment, span, timeOfDay } from "./units.js";
import { currentLanguage, word } from "./words.js";

/** @typedef {import("./records.js").Status} Status */
/** @typedef {"waiting" | "live" | "late" | "lost"} Link */

/** Real time without an answer after which the link counts as lost, and lag of the data that is worth a word. */
const LOST_MS = 3500;
const LATE_MS = 60_000;

export class Freshness {
  constructor() {
    /** @type {Status | null} */
    this.status = null;
    this.heard = performance.now();
    setInterval(() => this.draw(), 500);
  }

  /** The server answered. @param {Status} status */
  hear(status) {
    this.status = status;
    this.heard = performance.now();
    this.draw();
  }

  /** The server's clock now, carried on from its last answer. */
  get now_ms() {
    if (this.status === null) return Date.now();
    return this.status.now_ms + (performance.now() - this.heard) * this.status.speed;
  }

  /** @returns {Link} */
  get link() {
    if (this.status === null) return "waiting";
    if (performance.now() - this.heard > LOST_MS) return "lost";
    const behind = Math.max(this.status.dataAge_ms ?? 0, this.status.engineLag_ms ?? 0) / this.status.speed;
    return behind > LATE_MS ? "late" : "live";
  }

  draw() {
    const { status, link } = this;
    document.body.dataset.link = link;
    find("freshness").dataset.link = link;
    find("freshness").textContent = this.words();
    if (status === null) return;
    const lost = link === "lost";
    const at = lost ? word("clock_stopped", { time: fullMoment(status.now_ms) }) : fullMoment(this.now_ms);
    find("clock").textContent = at;
    const blanks = { age: span(performance.now() - this.heard), time: moment(status.now_ms) };
    say(find("trouble"), lost ? word("lost", blanks) : "");
    say(find("simulated"), status.simulated ? word("simulated", { speed: status.speed }) : "");
  }

  /** The link, since when, and how old the newest report is. */
  words() {
    const { status, link } = this;
    if (status === null) return word("link_waiting");
    const said = [word(`link_${link}`), word("updated", { age: span(performance.now() - this.heard) })];
    if (status.dataAge_ms === null) said.push(word("no_fix"));
    else {
      const time = timeOfDay(status.now_ms - status.dataAge_ms);
      said.push(word("newest_fix", { time, age: span(status.dataAge_ms) }));
    }
    if (link === "late" && status.engineLag_ms !== null) said.push(word("engine_lag", { age: span(status.engineLag_ms) }));
    return said.join(currentLanguage() === "zh" ? "，" : ", ");
  }
}
