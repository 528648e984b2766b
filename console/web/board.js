/** The board: alerts in one of the server's orders, by state, kind, severity, office and person; or people with theirs. */

import { find, make, say } from "./dom.js";
import { PeopleList } from "./people_list.js";
import { alertOf } from "./records.js";
import { Selection } from "./selection.js";
import { severityMark } from "./severity.js";
import { tellTitle } from "./title.js";
import { isUnanswered } from "./unanswered.js";
import { minuteOfDay, moment, span } from "./units.js";
import { coded, word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */
/** @typedef {import("./records.js").SiteView} SiteView */

/** @typedef {{by_state: Record<string, number>, by_severity: Record<string, number>, of: Record<string, number>}} Counts */

/** States that people think of together; the first is what the board begins with. @type {Record<string, string[]>} */
export const GROUPS = {
  unfinished: ["open", "self_cleared", "claimed", "verified"],
  waiting: ["open", "self_cleared"],
  working: ["claimed", "verified"],
  settled: ["disposed", "closed"],
  all: [],
};
const ORDERS = ["urgent", "newest", "oldest", "severity"];
/** Letters come in flocks; the server is asked once for each. */
const TYPED_MS = 250;
const PAGE = 100;
/** The server gives no longer pages. */
const PAGE_MOST = 500;

export class Board {
  /**
   * @param {import("./api.js").Api} api
   * @param {SiteView} site
   * @param {import("./freshness.js").Freshness} freshness
   * @param {(key: string) => void} onChoose
   * @param {() => void} onSettled several alerts were settled at once
   */
  constructor(api, site, freshness, onChoose, onSettled) {
    this.api = api;
    this.site = site;
    this.freshness = freshness;
    this.onChoose = onChoose;
    /** @type {AlertItem[]} */
    this.items = [];
    /** @type {string | null} */
    this.next = null;
    /** How many alerts of the choice stand in each state, and how many there are. @type {Counts} */
    this.counts = { by_state: {}, by_severity: {}, of: {} };
    /** @type {string | null} */
    this.chosen = null;
    /** @type {Map<string, HTMLLIElement>} */
    this.rows = new Map();
    this.wanted = filtersOf(location.hash);
    this.reading = 0;
    /** So many questions for all that is shown are not answered yet. */
    this.refreshing = 0;
    /** The newest question was not answered: what is shown is not how things stand. */
    this.isBehind = false;
    /** So many rows were asked for, whether they are there yet or not. */
    this.asked = 0;
    this.list = find("alerts");
    this.people = new PeopleList(this);
    this.selection = new Selection(this, onSettled);
    for (const list of [this.list, this.people.list]) list.addEventListener("keydown", (event) => this.move(event));
    find("more").addEventListener("click", () => this.readMore());
    for (const name of ["mine", "by"]) {
      find(name).addEventListener("click", () => this.choose({ [name]: this.wanted[name] ? "" : name === "by" ? "person" : "true" }));
    }
    this.search = /** @type {HTMLInputElement} */ (find("q"));
    this.search.value = this.wanted.q;
    this.search.addEventListener("input", () => this.typed());
    for (const name of ["kind", "severity", "office", "order"]) {
      find(name).addEventListener("change", (event) => {
        this.choose({ [name]: /** @type {HTMLSelectElement} */ (event.target).value });
      });
    }
    setInterval(() => this.drawAges(), 1000);
  }

  /** Change the filters; the address holds them, so that a reload shows the same. @param {Record<string, string>} change */
  choose(change) {
    Object.assign(this.wanted, change);
    const kept = new URLSearchParams(location.hash.slice(1)); // others keep things there as well
    for (const [name, value] of Object.entries(this.wanted)) {
      if (value === "" || (name === "group" && value === "unfinished")) kept.delete(name);
      else kept.set(name, value);
    }
    history.replaceState(null, "", `${location.pathname}#${kept}`);
    this.asked = 0;
    this.items = [];
    this.people.cards = [];
    this.selection.clear();
    this.drawFilters();
    this.refresh();
  }

  /** Ask once somebody has typed for a moment. */
  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.choose({ q: this.search.value.trim() }), TYPED_MS);
  }

  /** @param {number} limit @param {string | null} cursor */
  query(limit, cursor) {
    const query = this.choice();
    query.set("limit", String(limit));
    if (this.wanted.order) query.set("order", this.wanted.order);
    query.set("evidence", "false"); // the board needs no places
    for (const state of GROUPS[this.wanted.group]) query.append("state", state);
    if (cursor !== null) query.set("cursor", cursor);
    return query;
  }

  /** The filters but for the state, as the server takes them. */
  choice() {
    const names = ["kind", "severity", "office", "q", "mine"];
    return new URLSearchParams(names.flatMap((name) => (this.wanted[name] ? [[name, this.wanted[name]]] : [])));
  }

  get isByPerson() {
    return this.wanted.by === "person";
  }

  /** @param {number} limit @param {string | null} cursor @returns {Promise<{items: any[], next: string | null}>} */
  page(limit, cursor) {
    return this.api.read(`/v1/alerts${this.isByPerson ? "/by-person" : ""}?${this.query(limit, cursor)}`);
  }

  /** Read what is shown and the counts anew; where no answer comes, the board says so and is read again. */
  async refresh() {
    const mine = ++this.reading;
    this.refreshing += 1;
    try {
      await this.readAnew(mine);
      if (mine === this.reading) this.tellBehind(false);
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      if (mine === this.reading) this.tellBehind(true);
    } finally {
      this.refreshing -= 1;
    }
  }

  /** @param {boolean} isBehind */
  tellBehind(isBehind) {
    this.isBehind = isBehind;
    say(find("behind"), isBehind ? word("board_behind") : "");
  }

  /** The newest question's answer counts. @param {number} mine which question this is */
  async readAnew(mine) {
    const rows = Math.max(this.shown, this.asked);
    const limit = Math.min(PAGE_MOST, Math.max(PAGE, Math.ceil(rows / PAGE) * PAGE));
    const counted = this.choice();
    for (const state of GROUPS[this.wanted.group]) counted.append("state", state);
    const [page, counts] = await Promise.all([this.page(limit, null), this.api.read(`/v1/alerts/counts?${counted}`)]);
    if (mine !== this.reading) return;
    this.setCounts(counts);
    this.next = page.next;
    if (this.isByPerson) await this.people.take(page.items);
    else this.items = page.items.map(alertOf);
    this.selection.prune(this.items);
    this.draw();
  }

  get shown() {
    return this.isByPerson ? this.people.cards.length : this.items.length;
  }

  async readMore() {
    this.asked = this.shown + PAGE; // whoever reads anew meanwhile reads these as well
    if (this.refreshing > 0 && this.asked <= PAGE_MOST) return this.refresh(); // whose answer would not count
    const mine = ++this.reading;
    const page = await this.page(PAGE, this.next);
    if (mine !== this.reading) return;
    this.next = page.next;
    if (this.isByPerson) this.people.more(page.items);
    else {
      const known = new Set(this.items.map((item) => item.alert_key));
      this.items.push(...page.items.map(alertOf).filter((/** @type {AlertItem} */ item) => !known.has(item.alert_key)));
    }
    this.draw();
  }

  /** @param {Counts} counts */
  setCounts(counts) {
    if (JSON.stringify(counts) === JSON.stringify(this.counts)) return;
    this.counts = counts;
    this.drawFilters();
    tellTitle({ waiting: countOf("waiting", counts.of) });
  }

  /** Read again what was not answered, or where the server's sums show other states: a lease ran out, say. @param {Record<string, number>} states */
  heardCounts(states) {
    if (this.refreshing > 0) return;
    if (this.isBehind || JSON.stringify(states) !== JSON.stringify(this.counts.of)) this.refresh();
  }

  /** `220`, or `12 of 220` where filters leave some out. @param {string} group */
  countText(group) {
    const [n, of] = [countOf(group, this.counts.by_state), countOf(group, this.counts.of)];
    return n === of ? String(n) : word("count_of", { n, of });
  }

  /** @param {string | null} key */
  mark(key) {
    this.chosen = key;
    for (const row of document.querySelectorAll("#board .row[data-key]")) {
      row.setAttribute("aria-current", String(/** @type {HTMLElement} */ (row).dataset.key === key));
    }
  }

  drawAll() {
    this.drawFilters();
    this.list.replaceChildren();
    this.rows.clear();
    this.draw();
  }

  drawFilters() {
    this.drawStates();
    const { site, wanted } = this;
    fill("kind", wanted.kind, word("all_kinds"), this.site.kinds.map((kind) => [kind, coded("kind", kind)]));
    fill("severity", wanted.severity, word("all_severities"),
      ["1", "2", "3", "4"].map((level) => [level, `${level} ${coded("severity", level)}${counted(this.counts.by_severity[level])}`]));
    fill("office", wanted.office, word("all_offices"), site.offices.map((office) => [office.office_id, office.name]));
    find("office").hidden = site.offices.length < 2;
    fill("order", wanted.order || ORDERS[0], null, ORDERS.map((order) => [order, word(`order_${order}`)]));
    for (const name of ["mine", "by"]) find(name).setAttribute("aria-pressed", String(wanted[name] !== ""));
    if (document.activeElement !== this.search) this.search.value = wanted.q;
  }

  drawStates() {
    const counted = Object.keys(this.counts.of).length > 0;
    const had = document.activeElement?.closest?.("#states [data-group]");
    const focused = had instanceof HTMLElement ? had.dataset.group : undefined;
    find("states").replaceChildren(...Object.keys(GROUPS).map((group) => make("button", {
      type: "button", className: "chip", data: { group }, "aria-pressed": String(group === this.wanted.group),
      onclick: () => this.choose({ group }),
    }, word(`group_${group}`), counted ? make("b", {}, this.countText(group)) : null)));
    if (focused) /** @type {HTMLElement | null} */ (document.querySelector(`#states [data-group="${focused}"]`))?.focus();
  }

  /** Rows that stay keep their elements, so that neither focus nor a click in progress is lost. */
  draw() {
    const had = document.activeElement;
    const kept = new Set(this.items.map((item) => item.alert_key));
    for (const [key, row] of this.rows) if (!kept.has(key)) { row.remove(); this.rows.delete(key); }
    this.items.forEach((item, k) => {
      const row = this.rowOf(item);
      if (this.list.children[k] !== row) this.list.insertBefore(row, this.list.children[k] ?? null);
    });
    if (had instanceof HTMLElement && had !== document.activeElement && this.list.contains(had)) had.focus();
    const { isByPerson } = this;
    this.list.hidden = isByPerson;
    this.people.list.hidden = !isByPerson;
    if (isByPerson) this.people.draw();
    this.selection.draw();
    find("more").hidden = this.next === null;
    say(find("none"), (isByPerson ? this.people.cards : this.items).length === 0 ? word("none") : "");
    this.drawAges();
  }

  /** @param {AlertItem} item */
  rowOf(item) {
    const found = this.rows.get(item.alert_key);
    const version = `${item.seq} ${item.state} ${item.holder}`;
    if (found?.dataset.version === version) return found;
    const fresh = this.newRow(item);
    const [row, old] = [found ?? fresh, found?.firstElementChild];
    if (old) {
      const button = /** @type {HTMLElement} */ (fresh.firstElementChild);
      old.replaceChildren(...button.childNodes);
      old.className = button.className;
      row.replaceChildren(old, ...[...fresh.children].slice(1));
    }
    row.dataset.version = version;
    row.dataset.state = item.state;
    this.rows.set(item.alert_key, row);
    return row;
  }

  /** An alert as a row, with a box to pick it where it may be settled with others. @param {AlertItem} item */
  newRow(item) {
    const box = this.selection.boxOf(item);
    return make("li", { data: { state: item.state } }, this.buttonOf(item), box);
  }

  /** @param {AlertItem} item */
  buttonOf(item) {
    const place = item.place ?? this.site.fenceName(item.fence_id);
    const state = item.holder === null ? coded("state", item.state) : `${coded("state", item.state)} · ${item.holder}`;
    return make("button",
      { type: "button", className: `row ${item.withdrawn_ms === null ? "" : "withdrawn"}`,
        "aria-current": String(item.alert_key === this.chosen), data: { key: item.alert_key, person: item.person_id }, onclick: () => this.onChoose(item.alert_key) },
      severityMark(item.severity),
      make("span", { className: "what" },
        make("strong", {}, coded("kind", item.kind)), " ", make("span", { className: "who" }, item.who),
        make("span", { className: "where" }, place ?? this.site.officeName(item.office_id))),
      make("span", { className: "when" },
        make("time", { dateTime: new Date(item.raised_ms).toISOString(), title: moment(item.raised_ms) }, minuteOfDay(item.raised_ms)),
        make("span", { className: "age", data: { since: String(item.raised_ms) } }),
        make("span", { className: `state ${item.state}` }, item.withdrawn_ms === null ? state : word("fact_withdrawn"))));
  }

  drawAges() {
    const now = this.freshness.now_ms;
    for (const age of document.querySelectorAll("#board .age")) {
      const since = Number(/** @type {HTMLElement} */ (age).dataset.since);
      age.textContent = word("ago", { age: span(now - since) });
    }
  }

  /** Pick the alert whose row has the focus, or leave it. */
  pickFocused() {
    const box = document.activeElement?.closest("#board li")?.querySelector("input.pick");
    if (box instanceof HTMLInputElement) this.selection.pick(box.value, false);
  }

  /** @param {KeyboardEvent} event */
  move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const rows = [...document.querySelectorAll("#board .alerts:not([hidden]) .row")];
    const at = rows.indexOf(/** @type {Element} */ (document.activeElement?.closest("li")?.querySelector(".row")));
    if (step === undefined || at < 0) return;
    /** @type {HTMLElement | undefined} */ (rows[at + step])?.focus();
    event.preventDefault();
  }
}

/** @param {string} group @param {Record<string, number>} counts by state */
function countOf(group, counts) {
  const states = GROUPS[group].length > 0 ? GROUPS[group] : Object.keys(counts);
  return states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
}

/** ` (12)` @param {number | undefined} n */
function counted(n) {
  return n === undefined ? "" : ` (${n})`;
}

/** @param {string} hash @returns {Record<string, string>} */
function filtersOf(hash) {
  const given = new URLSearchParams(hash.slice(1));
  const group = given.get("group") ?? "";
  const rest = Object.fromEntries(["kind", "severity", "office", "q", "mine", "by", "order"].map((name) => [name, given.get(name) ?? ""]));
  return { group: group in GROUPS ? group : "unfinished", ...rest };
}

/** @param {string} id @param {string} chosen @param {string | null} all the word for no choice, if there may be none @param {[string, string][]} choices */
function fill(id, chosen, all, choices) {
  const select = /** @type {HTMLSelectElement} */ (find(id));
  const offered = all === null ? choices : [["", all], ...choices];
  const drawn = [...select.options].map((option) => [option.value, option.text]);
  if (JSON.stringify(drawn) !== JSON.stringify(offered)) {
    select.replaceChildren(...offered.map(([value, text]) => make("option", { value }, text)));
  }
  select.value = chosen;
}
