/** The screen on a wall: a tile for each office in type that is read from five metres, the map beside, nobody at it. */

import { find, make, say } from "./dom.js";
import { severityMark } from "./severity.js";
import { span } from "./units.js";
import { word } from "./words.js";

/** @typedef {{office_id: string, open: Record<string, number>, self_cleared: number, in_hand: number, oldest_open_at: string | null}} Load */
/** @typedef {{name: string, load: Load, waiting: number, gravest: number, oldest_ms: number | null}} Tile */

const SEVERITIES = ["1", "2", "3", "4"];
/** So many tiles can be read at a time; more take turns. */
const TILES_MOST = 20;
const TURN_MS = 15_000;
const READ_MS = 5000;

export class Wall {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./records.js").SiteView} site
   * @param {import("./freshness.js").Freshness} freshness
   * @param {() => void} onResize the map has another size
   */
  constructor(api, site, freshness, onResize) {
    this.api = api;
    this.site = site;
    this.freshness = freshness;
    this.onResize = onResize;
    /** @type {Tile[]} */
    this.tiles = [];
    this.page = 0;
    /** @type {WakeLockSentinel | null} */
    this.awake = null;
    find("wall-button").hidden = false;
    find("wall-button").addEventListener("click", () => this.put(!this.isUp));
    addEventListener("hashchange", () => this.show());
    document.addEventListener("visibilitychange", () => this.stayAwake());
    setInterval(() => this.refresh(), READ_MS);
    setInterval(() => this.draw(), 1000);
    setInterval(() => { this.page += 1; this.draw(); }, TURN_MS);
    this.show();
  }

  get isUp() {
    return new URLSearchParams(location.hash.slice(1)).has("wall");
  }

  /** Put the wall up or take it down; the address says which, so that a screen begins with it. @param {boolean} isUp */
  put(isUp) {
    const kept = new URLSearchParams(location.hash.slice(1));
    if (isUp) kept.set("wall", "1");
    else kept.delete("wall");
    history.replaceState(null, "", `${location.pathname}#${kept}`);
    this.show();
  }

  show() {
    document.body.classList.toggle("on-wall", this.isUp);
    find("wall").hidden = !this.isUp;
    find("wall-button").textContent = word(this.isUp ? "wall_leave" : "wall");
    this.onResize();
    this.stayAwake();
    this.refresh();
  }

  /** A screen that goes dark by itself would look as if nothing happened; where we cannot prevent it we say so. */
  async stayAwake() {
    let isAwake = false;
    if (this.isUp && !document.hidden && "wakeLock" in navigator) {
      isAwake = await navigator.wakeLock.request("screen").then((lock) => { this.awake = lock; return true; }, () => false);
    } else if (!this.isUp) await this.awake?.release();
    say(find("wall-sleep"), this.isUp && !isAwake && !document.hidden ? word("wall_sleep") : "");
  }

  async refresh() {
    if (!this.isUp || document.hidden) return;
    const said = await this.api.read("/v1/alerts/by-office").catch(() => null); // the freshness tells of it
    if (said === null) return;
    this.tiles = tilesOf(this.site, said.items);
    this.draw();
  }

  draw() {
    if (!this.isUp || document.hidden) return;
    const pages = Math.max(1, Math.ceil(this.tiles.length / TILES_MOST));
    const first = (this.page % pages) * TILES_MOST;
    const shown = this.tiles.slice(first, first + TILES_MOST);
    const [n, urgent] = [total(this.tiles, SEVERITIES), total(this.tiles, ["1"])];
    say(find("wall-total"), [word("wall_total", { n, urgent }),
      pages > 1 && word("wall_page", { page: (this.page % pages) + 1, pages })].filter(Boolean).join(" · "));
    const columns = shown.length > 12 ? 4 : shown.length > 6 ? 3 : shown.length > 1 ? 2 : 1;
    const list = find("tiles");
    list.style.setProperty("--columns", String(columns));
    list.style.setProperty("--rows", String(Math.max(1, Math.ceil(shown.length / columns))));
    list.replaceChildren(...shown.map((tile) => this.tileOf(tile)));
  }

  /** @param {Tile} tile */
  tileOf({ name, load, waiting, gravest, oldest_ms }) {
    const counts = SEVERITIES.filter((severity) => load.open[severity] > 0).map((severity) => make("li", {},
      /** @type {any} */ (severityMark(Number(severity))), make("b", {}, String(load.open[severity]))));
    const age = oldest_ms === null ? "" : word("wall_oldest", { age: span(this.freshness.now_ms - oldest_ms) });
    const rest = [load.in_hand > 0 && word("wall_in_hand", { n: load.in_hand }),
      load.self_cleared > 0 && word("wall_cleared", { n: load.self_cleared })].filter(Boolean).join(" · ");
    return make("li", { className: `tile s${gravest}`, data: { office: load.office_id } },
      make("h3", {}, name),
      waiting > 0 ? make("p", { className: "tile-count" }, make("b", {}, String(waiting)), " ", word("wall_open"))
        : make("p", { className: "tile-calm" }, word("wall_nothing")),
      counts.length > 0 && make("ul", { className: "tile-severities" }, ...counts),
      make("p", { className: "tile-rest" }, age),
      make("p", { className: "tile-rest" }, rest));
  }
}

/** Offices that have people or alerts, the gravest and oldest first. @param {import("./records.js").SiteView} site @param {Load[]} loads @returns {Tile[]} */
export function tilesOf(site, loads) {
  const byOffice = new Map(loads.map((load) => [load.office_id, load]));
  const parents = new Set(site.offices.map((office) => office.parent_id));
  const shown = site.offices.filter((office) => byOffice.has(office.office_id) || !parents.has(office.office_id));
  const tiles = shown.map((office) => {
    const load = byOffice.get(office.office_id)
      ?? { office_id: office.office_id, open: { 1: 0, 2: 0, 3: 0, 4: 0 }, self_cleared: 0, in_hand: 0, oldest_open_at: null };
    const waiting = SEVERITIES.reduce((sum, severity) => sum + load.open[severity], 0);
    const gravest = Number(SEVERITIES.find((severity) => load.open[severity] > 0) ?? 0);
    return { name: office.name, load, waiting, gravest,
      oldest_ms: load.oldest_open_at === null ? null : Date.parse(load.oldest_open_at) };
  });
  return tiles.sort((a, b) => (a.gravest || 9) - (b.gravest || 9) || (a.oldest_ms ?? Infinity) - (b.oldest_ms ?? Infinity)
    || a.load.office_id.localeCompare(b.load.office_id));
}

/** @param {Tile[]} tiles @param {string[]} severities */
function total(tiles, severities) {
  return tiles.reduce((sum, tile) => sum + severities.reduce((n, severity) => n + tile.load.open[severity], 0), 0);
}
