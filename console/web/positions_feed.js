/** Where everybody is, kept up to date by a stream of changes; after a break it goes on where it was. */

import { positionOf } from "./records.js";

/** @typedef {import("./records.js").Position} Position */

export class PositionsFeed {
  /**
   * @param {import("./api.js").Api} api
   * @param {() => void} onChange when somebody moved, came or went
   */
  constructor(api, onChange) {
    this.api = api;
    this.onChange = onChange;
    /** @type {Map<string, Position>} by device */
    this.byDevice = new Map();
    /** @type {string | null} */
    this.lastId = null;
    /** @type {AbortController | null} */
    this.running = null;
    // A tab that nobody sees needs no positions; when it is seen again it gets what has changed since.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.running?.abort();
    });
  }

  /** @returns {Position[]} */
  get items() {
    return [...this.byDevice.values()];
  }

  /** Listen until the link breaks or nobody looks. */
  async listen() {
    if (document.hidden) return;
    this.running = new AbortController();
    for await (const event of this.api.events("/v1/positions/stream", this.lastId, this.running.signal)) {
      if (event.event !== "positions") continue;
      this.take(JSON.parse(event.data));
      this.lastId = event.id;
      this.onChange();
    }
  }

  /** @param {any} said the content of one event */
  take(said) {
    if (said.all) this.byDevice.clear();
    for (const device of said.gone) this.byDevice.delete(device);
    for (const item of said.items) this.byDevice.set(item.device_id, positionOf(item));
    const { device_id: devices, ...columns } = said.moved;
    devices.forEach((/** @type {string} */ device, /** @type {number} */ k) => {
      const now = Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[k]]));
      this.byDevice.set(device, positionOf({ ...this.byDevice.get(device), ...now }));
    });
  }
}
