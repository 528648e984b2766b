/** How fresh what is shown is, always in sight, and the clock that is carried on between two answers. */

import { find, make, say } from "./dom.js";
import { facts, LOST_MS, troubles } from "./liveness.js";
import { fullMoment } from "./units.js";
import { word } from "./words.js";

/** @typedef {import("./records.js").Status} Status */

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

  draw() {
    const { status } = this;
    const silent_ms = performance.now() - this.heard;
    const found = facts(status, silent_ms);
    const drawn = found.map(({ name, mood, text }) => `${name} ${mood} ${text}`).join("\n");
    const box = find("freshness");
    if (box.dataset.drawn !== drawn) {
      box.dataset.drawn = drawn;
      box.replaceChildren(...found.map(({ name, mood, text }) => make("span", { className: `liveness ${mood}`, data: { fact: name } }, text)));
    }
    const said = troubles(status, silent_ms);
    const isLost = status !== null && silent_ms > LOST_MS;
    document.body.dataset.stale = String(said.length > 0 && (isLost || status?.engineWhy !== null));
    say(find("trouble"), said.join("\n"));
    if (status === null) return;
    find("clock").textContent = isLost ? word("clock_stopped", { time: fullMoment(status.now_ms) }) : fullMoment(this.now_ms);
    say(find("simulated"), status.simulated ? word("simulated", { speed: status.speed }) : "");
  }
}
