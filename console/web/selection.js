/** Alerts picked on the board to be settled together: only such as cleared themselves or were withdrawn. */

import { find, make } from "./dom.js";
import { askAndSettle } from "./settle_dialog.js";
import { word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */

const PAGE_MOST = 500;

/** Whether nobody has to look at a place any more. @param {AlertItem} item */
export function isSettleable(item) {
  return (item.state === "open" || item.state === "self_cleared") && (item.cleared_ms !== null || item.withdrawn_ms !== null);
}

export class Selection {
  /** @param {import("./board.js").Board} board @param {() => void} onSettled */
  constructor(board, onSettled) {
    this.board = board;
    this.onSettled = onSettled;
    /** @type {Set<string>} */
    this.keys = new Set();
    /** Where a shift-click goes on from. @type {string | null} */
    this.from = null;
    this.bar = find("selection");
  }

  get mayAct() {
    return this.board.freshness.status?.me.mayAct === true;
  }

  /** @param {AlertItem} item @returns {HTMLInputElement | null} */
  boxOf(item) {
    if (!this.mayAct || !isSettleable(item)) return null;
    return make("input", { type: "checkbox", className: "pick", checked: this.keys.has(item.alert_key), value: item.alert_key,
      "aria-label": word("pick", { who: item.who }), title: word("pick_title"),
      onclick: (/** @type {MouseEvent} */ event) => this.pick(item.alert_key, event.shiftKey) });
  }

  /** Pick one, or with shift all from the last one to this. @param {string} key @param {boolean} isRange */
  pick(key, isRange) {
    const isOn = !this.keys.has(key);
    const order = this.board.items.filter(isSettleable).map((item) => item.alert_key);
    const [a, b] = [order.indexOf(this.from ?? ""), order.indexOf(key)];
    const meant = isRange && a >= 0 && b >= 0 ? order.slice(Math.min(a, b), Math.max(a, b) + 1) : [key];
    for (const one of meant) isOn ? this.keys.add(one) : this.keys.delete(one);
    this.from = key;
    this.draw();
  }

  /** All of the choice that cleared themselves, the pages that were never loaded included. */
  async pickAll() {
    let cursor = null;
    do {
      const query = this.board.choice();
      query.set("state", "self_cleared");
      query.set("limit", String(PAGE_MOST));
      if (cursor !== null) query.set("cursor", cursor);
      const page = await this.board.api.read(`/v1/alerts?${query}`);
      for (const item of page.items) this.keys.add(item.alert_key);
      cursor = page.next;
    } while (cursor !== null);
    this.draw();
  }

  clear() {
    this.keys.clear();
    this.from = null;
    this.draw();
  }

  /** What was read anew and wants no settling any more is no longer picked. @param {AlertItem[]} items */
  prune(items) {
    for (const item of items) if (!isSettleable(item)) this.keys.delete(item.alert_key);
  }

  async settle() {
    await askAndSettle(this.board.api, this.board.site, [...this.keys]);
    this.clear();
    this.onSettled();
  }

  draw() {
    for (const box of document.querySelectorAll("input.pick")) {
      if (box instanceof HTMLInputElement) box.checked = this.keys.has(box.value);
    }
    const cleared = this.board.counts.by_state.self_cleared ?? 0;
    const n = this.keys.size;
    this.bar.hidden = !this.mayAct || (n === 0 && cleared === 0);
    /** @param {string} text @param {string} look @param {() => unknown} onclick */
    const button = (text, look, onclick) => make("button", { type: "button", className: look, onclick }, text);
    const parts = n === 0
      ? [button(word("pick_cleared", { n: cleared }), "", () => this.pickAll())]
      : [make("span", {}, word("picked", { n })), button(word("settle_picked"), "main", () => this.settle()),
        button(word("pick_none"), "quiet", () => this.clear())];
    if (this.bar.textContent !== parts.map((part) => part.textContent).join("")) this.bar.replaceChildren(...parts);
  }
}
