/** The page: asks for a token, then keeps board, map and clock up to date. */

import { Alerted } from "./alerted.js";
import { Api, Refusal } from "./api.js";
import { Board } from "./board.js";
import { Detail } from "./detail.js";
import { find, make, say, toast } from "./dom.js";
import { Drafts, forgetDrafts } from "./drafts.js";
import { Freshness } from "./freshness.js";
import { listenToKeys } from "./keys.js";
import { countPeople, drawLegend } from "./legend.js";
import { PersonCard } from "./person_card.js";
import { PositionsFeed } from "./positions_feed.js";
import { SiteView, statusOf } from "./records.js";
import { Alarm } from "./sound.js";
import { drawPurpose, keepPurpose, offerPurposes } from "./purpose.js";
import { tellUnanswered } from "./unanswered.js";
import { length, moment, span, useZone } from "./units.js";
import { Wall } from "./wall.js";
import { chooseLanguage, word, writeStaticWords } from "./words.js";

/** @typedef {import("./records.js").Position} Position */

const TOKEN = "token";
const POLL_MS = 1000;
/** Alerts come in flocks; the board is read once for each flock. */
const GATHER_MS = 400;
/** Leases run out without a word: who is at work on what is read anew so often. */
const ALERTED_MS = 5000;
/** A position older than this is drawn as old where the site gives no threshold of silence. */
const QUIET_MS = 3_600_000;

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Do something over and over, `everyMs` apart; a failure is left to the freshness to tell.
 * @param {() => Promise<void>} work
 * @param {number} everyMs
 * @param {{whenHidden?: boolean}} options whether it goes on in a tab that nobody sees
 */
async function repeat(work, everyMs, { whenHidden = false } = {}) {
  for (;;) {
    const began = performance.now();
    try {
      if (whenHidden || !document.hidden) await work();
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) leave();
    }
    await pause(Math.max(100, everyMs - (performance.now() - began)));
  }
}

class Room {
  /** @param {Api} api @param {SiteView} site @param {import("./records.js").Status} status */
  constructor(api, site, status) {
    this.api = api;
    this.site = site;
    this.freshness = new Freshness();
    this.freshness.hear(status);
    this.drafts = new Drafts(status.me.name);
    this.board = new Board(api, site, this.freshness, (key) => this.open(key), () => this.gather());
    this.detail = new Detail(api, site, this.freshness, this.drafts, {
      onShow: (alert, isNew) => this.showAlert(alert, isNew),
      onClose: () => this.closed(),
      onStep: () => this.gather(),
      onPerson: (personId) => this.openCard(personId),
    });
    this.card = new PersonCard(api, site, this.freshness, {
      onAlert: (key) => this.openFromCard(key),
      onTrack: (parts, now, isNew) => this.map?.showTrack(parts, now, isNew),
      onMap: (personId) => this.focusPerson(personId),
      onClose: () => this.cardClosed(),
      onChanged: () => this.followChange(),
      pickPlace: (picked) => { if (this.map !== null) this.map.onPlace = picked; },
      onLeaves: (circles) => this.map?.showLeaves(circles),
      onChosen: (circle) => this.map?.showWhole(circle),
    });
    this.alerted = new Alerted(api);
    /** @type {import("./map.js").PlaceMap | null} */
    this.map = null;
    this.feed = new PositionsFeed(api, () => this.moved());
    /** @type {string | null} */
    this.lastId = null;
    this.gathering = false;
    /** Something of what was last gathered was not answered. */
    this.isBehind = false;
    /** For which time the fences on the map were chosen. */
    this.ground_ms = -Infinity;
    this.alarm = new Alarm(api, status.me.mayAct);
    this.wall = new Wall(api, site, this.freshness, () => this.map?.map.resize());
  }

  async start() {
    this.board.drawAll();
    this.heard(this.freshness.status);
    await this.readAll();
    repeat(async () => {
      const told = statusOf(await this.api.read("/v1/status"));
      this.heard(told);
      if (this.isBehind) this.gather();
      await this.followSite(told);
    }, POLL_MS);
    repeat(() => this.feed.listen(), POLL_MS);
    repeat(() => this.listen(), POLL_MS, { whenHidden: true });
    repeat(async () => {
      await this.alerted.refresh();
      this.drawPeople();
    }, ALERTED_MS);
    document.addEventListener("visibilitychange", () => this.gather());
    listenToKeys({
      onMap: () => this.focusPerson(this.personAtHand()),
      onPerson: () => this.openCard(this.personAtHand()),
      onPick: () => this.board.pickFocused(),
      onSearch: () => this.board.search.focus(),
      onClose: () => this.closeTopmost(),
    });
    await this.startMap();
  }

  /** Without WebGL the board has to work all the same. */
  async startMap() {
    try {
      const { PlaceMap } = await import("./map.js");
      this.map = new PlaceMap(find("map"), (position) => this.showPerson(position));
      this.drawLegend();
      this.drawPeople();
      await this.showGround(true);
      this.drawPeople();
      await this.map.basemap.add(this.api);
      this.drawLegend();
      this.drawPeople();
      if (this.detail.alert !== null) this.showAlert(this.detail.alert, true);
    } catch (error) {
      say(find("map-wrong"), word("map_wrong", { why: error instanceof Error ? error.message : String(error) }));
    }
  }

  /** The fences that are valid now, and the counties around them. @param {boolean} isFirst */
  async showGround(isFirst) {
    this.ground_ms = this.freshness.now_ms;
    await this.map?.showSite(this.site, this.ground_ms, isFirst);
  }

  /** Somebody changed the site, or a fence begins or ends: all that is drawn of it is drawn anew. @param {import("./records.js").Status} status */
  async followSite(status) {
    if (status.site === this.site.number) {
      if (this.map !== null && this.site.turnsBetween(this.ground_ms, this.freshness.now_ms)) await this.showGround(false);
      return;
    }
    this.site.take(await this.api.read("/v1/site"));
    await this.showGround(false);
    this.board.drawAll();
    this.drawLegend();
    await this.card.reread();
    await this.gather();
  }

  /** What was changed here is seen at once. */
  async followChange() {
    const told = statusOf(await this.api.read("/v1/status"));
    this.heard(told);
    await this.followSite(told);
  }

  /** @param {import("./records.js").Status | null} status */
  heard(status) {
    if (status === null) return;
    this.freshness.hear(status);
    this.board.heardCounts(status.counts);
    find("me").textContent = [status.me.name, status.me.office].filter(Boolean).join(" · ");
  }

  /** The last known positions. */
  get positions() {
    return this.feed.items;
  }

  /** Somebody moved, came or went. */
  moved() {
    this.drawPeople();
    if (this.detail.alert !== null) this.map?.follow(this.whereIs(this.detail.alert));
  }

  /** Follow what happens to alerts; after a break it goes on behind the last event that came. */
  async listen() {
    const ended = new AbortController();
    for await (const event of this.api.events("/v1/alerts/stream", this.lastId, ended.signal)) {
      if (event.id !== null) this.lastId = event.id;
      if (event.event === "reset") this.detail.alert = null; // another queue, which counts anew
      if (event.event === "alert" || event.event === "reset" || event.event === "hello") {
        this.gather();
        this.alarm.look();
      }
    }
  }

  /** Read board and alert anew, once for all that happens within a moment; when nobody looks, later. */
  async gather() {
    if (this.gathering || document.hidden) return;
    this.gathering = true;
    await pause(GATHER_MS);
    this.gathering = false;
    await this.readAll();
    this.drawPeople();
  }

  /** What is not answered is gathered again. */
  async readAll() {
    const read = await Promise.allSettled([this.board.refresh(), this.detail.refresh(), this.alerted.refresh()]);
    this.isBehind = read.some((one) => one.status === "rejected");
  }

  drawPeople() {
    if (document.hidden) return;
    const now = this.freshness.now_ms;
    /** @type {Map<string, import("./alerted.js").Look>} a person with two devices counts once, by the fresher */
    const looks = new Map();
    const look = (/** @type {Position} */ position) => {
      const found = this.alerted.lookOf(position, now - position.event_ms > QUIET_MS);
      if (looks.get(position.person_id) !== "usual") looks.set(position.person_id, found);
      return found;
    };
    this.map?.showPeople(this.positions, this.positions.map(look));
    countPeople(looks, this.alerted.withoutPosition(this.positions));
  }

  /** @param {string} key */
  async open(key) {
    if (this.card.isOpen) this.card.close();
    this.board.mark(key);
    await this.detail.open(key);
  }

  /** @param {import("./records.js").AlertItem} alert @param {boolean} isNew */
  showAlert(alert, isNew) {
    find("room").classList.add("with-detail");
    const known = this.whereIs(alert);
    if (isNew) this.map?.map.resize();
    this.map?.showAlert(alert, this.site.fenceOf(alert.fence_id, alert.raised_ms), known, isNew);
    this.map?.follow(known);
  }

  /** The newest position of the alert's device, or of the person where it has none. @param {import("./records.js").AlertItem} alert */
  whereIs(alert) {
    const theirs = this.positions.filter((at) => at.person_id === alert.person_id
      && (alert.device_id === null || at.device_id === alert.device_id));
    return newest(theirs);
  }

  /** Whom the keys are about: whose row has the focus, else who is open. @returns {string | null} */
  personAtHand() {
    const row = document.activeElement?.closest("#board .row");
    if (row instanceof HTMLElement && row.dataset.person) return row.dataset.person;
    return this.card.personId ?? this.detail.alert?.person_id ?? null;
  }

  /** @param {string | null} personId */
  focusPerson(personId) {
    const known = newest(this.positions.filter((at) => at.person_id === personId));
    if (known === null) toast(word("no_place"), "bad");
    else this.map?.goTo(known);
    if (known !== null) this.map?.follow(known);
  }

  /** The card lies over the alert, which is still there below it. @param {string | null} personId */
  async openCard(personId) {
    if (!personId) return;
    find("room").classList.add("with-detail");
    await this.card.open(personId);
    if (!this.card.isOpen) this.cardClosed();
    this.map?.map.resize();
  }

  cardClosed() {
    if (this.detail.key === null) find("room").classList.remove("with-detail");
    this.map?.map.resize();
    this.map?.follow(this.detail.alert === null ? null : this.whereIs(this.detail.alert));
  }

  /** @param {string} key */
  async openFromCard(key) {
    this.card.close();
    await this.open(key);
  }

  closeTopmost() {
    if (this.card.isOpen) this.card.close();
    else if (this.detail.key !== null) this.detail.close();
  }

  closed() {
    const row = this.board.chosen === null ? undefined : this.board.rows.get(this.board.chosen);
    this.board.mark(null);
    find("room").classList.remove("with-detail");
    this.map?.map.resize();
    this.map?.showNoAlert();
    /** @type {HTMLElement | null | undefined} */ (row?.firstElementChild)?.focus();
  }

  /** Somebody on the map: the alert that is to be worked on, if there is one, else where and when. @param {Position} position */
  async showPerson(position) {
    this.drawCard(position);
    const key = await this.alerted.firstAlert(position.person_id);
    if (key !== null) await this.open(key);
  }

  /** Where and when somebody was last. @param {Position} position */
  drawCard(position) {
    const blanks = { time: moment(position.event_ms), age: span(this.freshness.now_ms - position.event_ms),
      accuracy: position.accuracy_m === null ? "–" : `± ${length(position.accuracy_m)}` };
    const card = make("div", { id: "person", className: "person", role: "status" },
      make("strong", {}, position.who), make("span", {}, this.site.officeName(position.office_id)),
      make("span", {}, word("last_seen", blanks)));
    document.getElementById("person")?.remove();
    find("legend").before(card);
    setTimeout(() => card.remove(), 8000);
  }

  drawLegend() {
    drawLegend({
      onZoom: (steps) => this.map?.zoomBy(steps),
      onHome: () => this.map?.goHome(),
      hasCounties: this.site.counties.features.length > 0,
      attribution: [this.site.attribution, this.map?.basemap.attribution].filter(Boolean).join(" · "),
    });
  }

  /** The other language: everything that was written is written anew. */
  rewrite() {
    this.board.drawAll();
    this.detail.draw();
    this.card.draw();
    this.alarm.draw();
    this.map?.basemap.rewrite();
    this.wall.show();
    this.freshness.draw();
    this.drawLegend();
    this.drawPeople();
  }
}

/** @param {Position[]} positions */
function newest(positions) {
  return positions.reduce((best, at) => (best === null || at.event_ms > best.event_ms ? at : best), /** @type {Position | null} */ (null));
}

/** @type {Room | null} */
let room = null;

/** Forget the token and begin anew. */
function leave() {
  sessionStorage.removeItem(TOKEN);
  keepPurpose("");
  location.reload();
}

/** A token of the address goes into the session and out of the address, where others might see it. */
function tokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get(TOKEN);
  if (token === null) return;
  given.delete(TOKEN);
  const what = given.get("purpose");
  if (what !== null) keepPurpose(what);
  given.delete("purpose");
  sessionStorage.setItem(TOKEN, token);
  history.replaceState(null, "", `${location.pathname}#${given}`);
}

/** @param {string} token */
async function enter(token) {
  const api = new Api(token);
  // One after the other: a token that does not count is then told once.
  const site = new SiteView(await api.read("/v1/site"));
  const status = statusOf(await api.read("/v1/status"));
  sessionStorage.setItem(TOKEN, token);
  useZone(site.timezone);
  find("entry").hidden = true;
  find("room").hidden = false;
  find("leave").hidden = false;
  drawPurpose();
  room = new Room(api, site, status);
  await room.start();
}

/** Before anybody has entered, too, a simulated clock says so; once inside, the freshness does. */
async function tellTheClock() {
  const told = await (await fetch("/healthz", { cache: "no-store" })).json();
  const draw = () => say(find("simulated"), told.simulated ? word("simulated", { speed: told.speed }) : "");
  for (const button of document.querySelectorAll("[data-language]")) button.addEventListener("click", draw);
  draw();
}

/** @param {string} [wrong] */
function askForToken(wrong = "") {
  find("entry").hidden = false;
  say(find("entry-wrong"), wrong);
  find("token").focus();
}

/** @param {string} token */
async function tryToEnter(token) {
  try {
    await enter(token);
  } catch (error) {
    if (room !== null) throw error;
    const status = error instanceof Refusal ? error.status : 0;
    if (status === 401) sessionStorage.removeItem(TOKEN);
    if (status === 403) { // whoever sees no people may see why rows were refused
      sessionStorage.setItem(TOKEN, token);
      location.assign("rejects.html");
      return;
    }
    const known = { 401: word("token_wrong") }[status];
    askForToken(known ?? word("refused", { why: error instanceof Error ? error.message : String(error) }));
  }
}

function begin() {
  tellUnanswered();
  writeStaticWords();
  offerPurposes();
  tokenFromAddress();
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      chooseLanguage(/** @type {HTMLElement} */ (button).dataset.language === "en" ? "en" : "zh");
      offerPurposes();
      if (room !== null) drawPurpose();
      room?.rewrite();
    });
  }
  find("leave").addEventListener("click", () => {
    forgetDrafts();
    leave();
  });
  find("entry-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keepPurpose(/** @type {HTMLInputElement} */ (find("purpose")).value);
    tryToEnter(/** @type {HTMLInputElement} */ (find("token")).value.trim());
  });
  addEventListener("hashchange", () => {
    if (new URLSearchParams(location.hash.slice(1)).has(TOKEN)) location.reload();
  });
  tellTheClock();
  const token = sessionStorage.getItem(TOKEN);
  if (token === null) askForToken();
  else tryToEnter(token);
}

begin();
