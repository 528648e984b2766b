/** Who has unfinished alerts, asked of the server: what the board has loaded or filtered does not matter here. */

/** @typedef {import("./records.js").Position} Position */
/** @typedef {{person_id: string, severity: number, alerts: number, unclaimed: number}} Standing */
/** @typedef {"usual" | "quiet" | "waiting_1" | "waiting_2" | "waiting_3" | "waiting_4" | "held_1" | "held_2" | "held_3" | "held_4"} Look */

/** How somebody is drawn, from what may be covered to what must not. @type {Look[]} */
export const LOOKS = ["quiet", "usual", "held_4", "held_3", "held_2", "held_1", "waiting_4", "waiting_3", "waiting_2", "waiting_1"];

export class Alerted {
  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api;
    /** @type {Map<string, Standing>} */
    this.people = new Map();
    this.reading = 0;
  }

  /** Read everybody anew; the newest question's answer counts. */
  async refresh() {
    const mine = ++this.reading;
    const { items } = await this.api.read("/v1/alerts/people");
    if (mine !== this.reading) return;
    this.people = new Map(items.map((/** @type {Standing} */ person) => [person.person_id, person]));
  }

  /** @param {Position} position @param {boolean} isOld @returns {Look} */
  lookOf(position, isOld) {
    const person = this.people.get(position.person_id);
    if (person === undefined) return isOld ? "quiet" : "usual";
    return /** @type {Look} */ (`${person.unclaimed > 0 ? "waiting" : "held"}_${person.severity}`);
  }

  /** People with alerts whom the map cannot show. @param {Position[]} positions */
  withoutPosition(positions) {
    const placed = new Set(positions.map((position) => position.person_id));
    return [...this.people.keys()].filter((person) => !placed.has(person)).length;
  }

  /** The alert of a person that wants attention first; null where none is unfinished. @param {string} personId @returns {Promise<string | null>} */
  async firstAlert(personId) {
    const query = new URLSearchParams({ person: personId, limit: "1" });
    for (const state of ["open", "self_cleared", "claimed", "verified"]) query.append("state", state);
    const { items } = await this.api.read(`/v1/alerts?${query}`);
    return items.length > 0 ? items[0].alert_key : null;
  }
}
