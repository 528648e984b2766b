/** The board by person: one card for all alerts about somebody, which opens into them. */

import { find, make } from "./dom.js";
import { alertOf } from "./records.js";
import { severityMark } from "./severity.js";
import { span } from "./units.js";
import { word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */
/** @typedef {{person_id: string, who: string, office_id: string, count: number, gravest: number, waiting: number,
 *   settleable: number, newest_ms: number, first: AlertItem}} PersonCard */

/** So many of a person's alerts are shown under the card; the rest stands on the person's own. */
const SHOWN_MOST = 50;

export class PeopleList {
  /** @param {import("./board.js").Board} board */
  constructor(board) {
    this.board = board;
    this.list = find("people");
    /** @type {PersonCard[]} */
    this.cards = [];
    /** @type {Map<string, AlertItem[]>} those that are open, with their alerts */
    this.opened = new Map();
  }

  /** @param {any} raw @returns {PersonCard} */
  static cardOf(raw) {
    return { ...raw, who: raw.person_name ?? raw.person_id, newest_ms: Date.parse(raw.newest_raised_at), first: alertOf(raw.first) };
  }

  /** Take a page; what is open is read anew. @param {any[]} items */
  async take(items) {
    this.cards = items.map(PeopleList.cardOf);
    const there = new Set(this.cards.map((card) => card.person_id));
    for (const person of this.opened.keys()) if (!there.has(person)) this.opened.delete(person);
    await Promise.all([...this.opened.keys()].map((person) => this.readAlerts(person)));
    this.draw();
  }

  /** @param {any[]} items */
  more(items) {
    const known = new Set(this.cards.map((card) => card.person_id));
    this.cards.push(...items.map(PeopleList.cardOf).filter((card) => !known.has(card.person_id)));
    this.draw();
  }

  /** @param {string} personId */
  async readAlerts(personId) {
    const query = this.board.query(SHOWN_MOST, null);
    query.set("person", personId);
    const page = await this.board.api.read(`/v1/alerts?${query}`);
    this.opened.set(personId, page.items.map(alertOf));
  }

  /** @param {string} personId */
  async toggle(personId) {
    if (this.opened.has(personId)) this.opened.delete(personId);
    else await this.readAlerts(personId);
    this.draw();
    /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-card="${CSS.escape(personId)}"]`))?.focus();
  }

  draw() {
    const had = document.activeElement instanceof HTMLElement ? { ...document.activeElement.dataset } : {};
    this.list.replaceChildren(...this.cards.map((card) => this.cardElement(card)));
    const again = had.card !== undefined ? `[data-card="${CSS.escape(had.card)}"]` : had.key !== undefined ? `[data-key="${had.key}"]` : null;
    if (again !== null) /** @type {HTMLElement | null} */ (this.list.querySelector(again))?.focus();
    this.board.drawAges();
  }

  /** @param {PersonCard} card */
  cardElement(card) {
    const alerts = this.opened.get(card.person_id);
    const button = make("button", { type: "button", className: "row", "aria-expanded": String(alerts !== undefined),
      data: { card: card.person_id, person: card.person_id }, onclick: () => this.toggle(card.person_id) },
      severityMark(card.gravest),
      make("span", { className: "what" }, make("strong", { className: "who" }, card.who),
        make("span", { className: "where" }, this.board.site.officeName(card.office_id))),
      make("span", { className: "when" },
        make("b", {}, word("person_alerts", { n: card.count })),
        make("span", {}, word("newest_ago", { age: span(this.board.freshness.now_ms - card.newest_ms) })),
        make("span", { className: "state open" }, word("person_waiting", { n: card.waiting }))));
    if (alerts === undefined) return make("li", {}, button);
    const rest = card.count - alerts.length;
    return make("li", {}, button,
      make("ol", { className: "alerts-of" }, ...alerts.map((item) => this.board.newRow(item)),
        rest > 0 && make("li", { className: "hint" }, word("person_rest", { n: rest }))));
  }
}
