/** A person's card: who, how to reach them, their devices and alerts, and where they were over a period. */

import { Refusal } from "./api.js";
import { find, make, toast } from "./dom.js";
import { alertOf } from "./records.js";
import { severityMark } from "./severity.js";
import { SiteForms } from "./site_forms.js";
import { stretches, whereAt } from "./track.js";
import { fromLocal, fullMoment, length, moment, span, toLocal } from "./units.js";
import { coded, word } from "./words.js";

/** @typedef {import("./track.js").TrackFix} TrackFix */

const TRACK_MS = 6 * 3_600_000;
const STEP_MS = 15_000;
const ALERTS_MOST = 50;
/** Of a device whose thresholds nobody knows. */
const SILENCE_MS = 3_600_000;
/** A battery that has no more than this is low. */
const LOW_PCT = 15;

export class PersonCard {
  /**
   * @param {import("./api.js").Api} api @param {import("./records.js").SiteView} site @param {import("./freshness.js").Freshness} freshness
   * @param {{onAlert: (key: string) => void, onTrack: (parts: TrackFix[][], now: TrackFix | null, isNew: boolean) => void,
   *   onMap: (personId: string) => void, onClose: () => void, onChanged: () => Promise<void>,
   *   pickPlace: (picked: ((place: {lon: number, lat: number}) => void) | null) => void,
   *   onChosen: (circle: {lon: number, lat: number, radius_m: number}) => void,
   *   onLeaves: (circles: {lon: number, lat: number, radius_m: number}[]) => void}} told
   */
  constructor(api, site, freshness, told) {
    this.api = api;
    this.site = site;
    this.freshness = freshness;
    this.told = told;
    this.box = find("person-card");
    /** @type {string | null} */
    this.personId = null;
    /** @type {any} */
    this.card = null;
    /** @type {import("./records.js").AlertItem[]} */
    this.alerts = [];
    /** @type {TrackFix[]} */
    this.fixes = [];
    /** @type {{from: number, to: number, at: number} | null} */
    this.shown = null;
    /** The circle that is being chosen. @type {{lon: number, lat: number, radius_m: number} | null} */
    this.chosen = null;
    this.forms = new SiteForms(api, site, freshness, {
      onChanged: () => told.onChanged().catch(() => {}).then(() => this.reread()),
      onClosed: () => find("person-more").hidden = false,
      pickPlace: told.pickPlace,
      showPlace: (place, radius_m) => {
        this.chosen = place === null ? null : { ...place, radius_m };
        this.drawLeaves();
        if (this.chosen !== null) told.onChosen(this.chosen);
      },
    });
  }

  /** @param {string} personId */
  async open(personId) {
    if (this.isOpen) this.forms.close();
    this.personId = personId;
    this.fixes = [];
    this.shown = null;
    const id = encodeURIComponent(personId);
    try {
      const [card, page] = await Promise.all([
        this.api.read(`/v1/people/${id}/card`), this.api.read(`/v1/alerts?person=${id}&limit=${ALERTS_MOST}`)]);
      if (this.personId !== personId) return;
      this.card = card;
      this.alerts = page.items.map(alertOf);
      this.hasMore = page.next !== null;
      this.draw();
      this.box.hidden = false;
      this.box.focus({ preventScroll: true });
    } catch (error) {
      this.personId = null;
      toast(word("refused", { why: error instanceof Refusal ? error.message : String(error) }), "bad");
    }
  }

  /** The person as they are now, below the same track: the site has changed. */
  async reread() {
    const person = this.personId;
    if (person === null) return;
    try {
      const card = await this.api.read(`/v1/people/${encodeURIComponent(person)}/card`);
      if (this.personId !== person) return;
      this.card = card;
      this.drawNow();
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 404) return; // the next change is another chance
      toast(word("card_gone"), "bad");
      this.close();
    }
  }

  get isOpen() {
    return !this.box.hidden;
  }

  close() {
    this.forms.close();
    this.personId = this.card = this.shown = null;
    this.drawLeaves();
    this.box.hidden = true;
    this.told.onTrack([], null, false);
    this.told.onClose();
  }

  /** How long a device may be silent before nobody knows where its person is. @param {string} deviceId */
  silenceMs(deviceId) {
    const device = this.card?.devices.find((/** @type {any} */ one) => one.device_id === deviceId);
    return device === undefined ? SILENCE_MS : device.silence_s[0] * 1000;
  }

  draw() {
    if (this.card === null) return;
    const { card } = this;
    this.box.replaceChildren(
      make("div", { className: "head" },
        make("h2", { id: "person-name" }),
        make("button", { type: "button", onclick: () => this.told.onMap(card.person_id) }, word("on_the_map")),
        make("button", { type: "button", className: "quiet", "aria-label": word("close_card"), title: `${word("close_card")} (Esc)`,
          onclick: () => this.close() }, "✕")),
      make("div", { id: "person-now" }), this.forms.box,
      make("div", { id: "person-more" }),
      make("h3", {}, word("track_title")), this.trackForm(), make("div", { id: "track-shown" }),
      make("h3", {}, word("their_alerts")), this.alertList());
    this.forms.rewrite();
    this.drawNow();
    this.drawTrack();
  }

  /** What the site says of the person, and what their devices told last. */
  drawNow() {
    const { devices } = this.card;
    find("person-name").textContent = this.card.person_name ?? this.card.person_id;
    find("person-now").replaceChildren(
      this.facts(), ...devices.map((/** @type {any} */ device) => this.device(device)),
      ...(devices.length === 0 ? [make("p", { className: "hint" }, word("no_device"))] : []),
      make("h3", {}, word("leaves_title")), this.leaveList());
    find("person-more").replaceChildren(...this.changeButtons());
    find("person-more").hidden = !this.forms.box.hidden;
    this.drawLeaves();
  }

  /** What whoever may change the site can do here. */
  changeButtons() {
    const { may_change, person_id } = this.card;
    if (!may_change) return [];
    /** @param {string} text @param {() => void} onclick */
    const button = (text, onclick) => make("button", { type: "button", onclick }, word(text));
    return [make("div", { className: "change-buttons" },
      button("leave_new", () => this.openForm(() => this.forms.grantLeave(person_id))),
      button("device_new", () => this.openForm(() => this.forms.addDevice(person_id))))];
  }

  /** @param {() => void} open */
  openForm(open) {
    open();
    find("person-more").hidden = true;
  }

  /** @param {string} label @param {string} about @param {() => void} open */
  endButton(label, about, open) {
    if (!this.card.may_change) return null;
    return make("button", { type: "button", className: "quiet end", "aria-label": about, onclick: () => this.openForm(open) }, label);
  }

  leaveList() {
    const { leaves } = this.card;
    if (leaves.length === 0) return make("p", { className: "hint" }, word("no_leaves"));
    return make("ol", { className: "leaves" }, ...leaves.map((/** @type {import("./site_forms.js").Leave} */ leave) => this.leave(leave)));
  }

  /** @param {import("./site_forms.js").Leave} leave */
  leave(leave) {
    const now = this.freshness.now_ms;
    const [from, to] = [leave.valid_from, leave.valid_to].map((text) => (text === null ? null : Date.parse(text)));
    const state = to !== null && to <= now ? "over" : from !== null && from > now ? "coming" : "valid";
    const named = leave.fence_ids.map((fenceId) => this.site.fenceName(fenceId));
    const circle = leave.lon === null ? [] : [word("leave_around", { radius: length(leave.radius_m ?? 0) })];
    const period = `${from === null ? "" : moment(from)} → ${to === null ? word("leave_open") : moment(to)}`;
    return make("li", { className: `leave ${state}` },
      make("div", { className: "leave-head" }, make("strong", {}, coded("leave", leave.category) || word("leave_word")),
        make("span", { className: "state" }, word(`leave_${state}`)),
        state === "over" ? null : this.endButton(word("leave_end"), word("leave_end_title", { id: leave.leave_id }), () => this.forms.endLeave(leave))),
      make("p", {}, period), make("p", { className: "hint" }, [...named, ...circle, leave.module && coded("approver", leave.module),
        leave.approved_at === null ? "" : word("leave_approved_on", { time: moment(Date.parse(leave.approved_at)) }), leave.leave_id]
        .filter(Boolean).join(" · ")));
  }

  /** The circles of leaves that hold now, and the one that is being chosen. */
  drawLeaves() {
    const now = this.freshness.now_ms;
    const held = (this.card?.leaves ?? []).filter((/** @type {import("./site_forms.js").Leave} */ leave) => leave.lon !== null
      && Date.parse(leave.valid_from ?? "1970-01-01") <= now && now < Date.parse(leave.valid_to ?? "9999-01-01"));
    this.told.onLeaves(this.chosen === null ? held : [...held, this.chosen]);
  }

  facts() {
    const { card } = this;
    const until = card.valid_to === null ? "" : ` → ${fullMoment(Date.parse(card.valid_to))}`;
    const rows = [
      [word("phone_word"), card.phone ?? word("no_phone")], [word("number_word"), card.person_id],
      [word("office_word"), card.office_name], [word("class_word"), coded("class", card.class)],
      [word("supervision"), card.is_supervised ? word("supervised") + until : word("supervised_no_more")],
    ];
    return make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  }

  /** @param {any} device */
  device(device) {
    const { contact, last } = device;
    // A place from before contacts were kept was a contact too.
    const heard = contact?.arrival_time ?? last?.arrival_time;
    const rows = heard === undefined ? [[word("last_contact"), word("never_heard")]] : [
      [word("last_contact"), this.aged(heard)], [word("battery"), this.battery(contact)],
      ...(last === null ? [[word("last_place"), word("never_placed")]] : [
        [word("last_place"), moment(Date.parse(last.event_time))], [word("place_came"), this.aged(last.arrival_time)],
        [word("evidence_accuracy"), last.accuracy_m === null ? "–" : `± ${length(last.accuracy_m)}`]]),
    ];
    const name = `${coded("device", device.kind)} ${device.device_id}`;
    if (device.since !== null && Date.parse(device.since) > this.freshness.now_ms) {
      rows.unshift([word("device_since"), moment(Date.parse(device.since))]);
    }
    if (device.until !== null) rows.push([word("device_until"), moment(Date.parse(device.until))]);
    return make("div", { className: "device" }, make("div", { className: "device-head" }, make("h3", {}, name),
      this.endButton(word("device_end"), word("device_end_title", { id: name }), () => this.forms.endDevice(device))),
      make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
  }

  /** `07-14 11:40:00 · 20 min ago` @param {string} time */
  aged(time) {
    return `${moment(Date.parse(time))} · ${word("ago", { age: span(this.freshness.now_ms - Date.parse(time)) })}`;
  }

  /** What it last told of its battery, and when: it says nothing of now. @param {any} contact */
  battery(contact) {
    if (contact === null || contact.battery_pct === null) return word("battery_untold");
    const said = [`${Math.floor(contact.battery_pct)} %`];
    if (contact.battery_pct <= LOW_PCT) said.push(word("battery_low"));
    if (contact.charging !== null) said.push(word(contact.charging ? "charging" : "not_charging"));
    const shown = make("span", {}, said.join(" · "));
    shown.classList.toggle("wrong", contact.battery_pct <= LOW_PCT);
    return make("span", {}, shown, ` · ${this.aged(contact.battery_time)}`);
  }

  alertList() {
    if (this.alerts.length === 0) return make("p", { className: "hint" }, word("no_alerts_of"));
    return make("ol", { className: "their-alerts" }, ...this.alerts.map((alert) => make("li", {},
      make("button", { type: "button", className: "row", onclick: () => this.told.onAlert(alert.alert_key) },
        severityMark(alert.severity), make("span", { className: "what" }, coded("kind", alert.kind),
          make("span", { className: "where" }, moment(alert.raised_ms))),
        make("span", { className: `state ${alert.state}` }, coded("state", alert.state))))),
    this.hasMore && make("li", { className: "hint" }, word("alerts_further", { n: ALERTS_MOST })));
  }

  /** Nobody looks at a track without saying what for: it is put on record. */
  trackForm() {
    const now = this.freshness.now_ms;
    const [from, to] = this.shown === null ? [now - TRACK_MS, now] : [this.shown.from, this.shown.to];
    /** @param {string} name @param {number} ms */
    const time = (name, ms) => make("input", { type: "datetime-local", name, required: true, value: toLocal(ms), "aria-label": word(`track_${name}`) });
    const form = make("form", { className: "track-form", name: "track" },
      make("label", {}, word("track_purpose"), make("input", { name: "purpose", required: true, maxLength: 1000, autocomplete: "off",
        value: this.purpose ?? "", placeholder: word("track_purpose_hint") })),
      make("div", { className: "plain-line" }, time("from", from), make("span", {}, "→"), time("to", to)),
      make("button", { type: "submit" }, word("show_track")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new FormData(form);
      this.read(String(given.get("purpose")), fromLocal(String(given.get("from"))), fromLocal(String(given.get("to"))));
    });
    return form;
  }

  /** @param {string} purpose @param {number} from @param {number} to */
  async read(purpose, from, to) {
    const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString(), purpose });
    try {
      const person = this.personId;
      const said = await this.api.read(`/v1/people/${encodeURIComponent(person ?? "")}/track?${query}`);
      if (this.personId !== person) return;
      this.purpose = purpose;
      this.truncated = said.truncated;
      this.fixes = said.items.map((/** @type {any} */ fix) => ({ ...fix, event_ms: Date.parse(fix.event_time) }));
      this.shown = { from, to, at: this.fixes.at(-1)?.event_ms ?? to };
      this.drawTrack();
      this.told.onTrack(stretches(this.fixes, (device) => this.silenceMs(device)), this.fixes.at(-1) ?? null, true);
    } catch (error) {
      toast(word("refused", { why: error instanceof Error ? error.message : String(error) }), "bad");
    }
  }

  /** The slider, and what is known of the time it stands at. */
  drawTrack() {
    const box = find("track-shown");
    if (this.shown === null) return;
    if (this.fixes.length === 0) {
      box.replaceChildren(make("p", { className: "hint" }, word("no_track")));
      return;
    }
    const { from, to, at } = this.shown;
    const parts = stretches(this.fixes, (device) => this.silenceMs(device));
    const said = make("p", { id: "track-at", role: "status" });
    const slider = make("input", { type: "range", "aria-label": word("track_time"), min: String(from), max: String(to), step: String(STEP_MS),
      value: String(at), oninput: () => this.moveTo(Number(slider.value), parts, said) });
    box.replaceChildren(slider, said, make("p", { className: "hint" },
      word(this.truncated ? "track_cut" : "track_of", { n: this.fixes.length, gaps: Math.max(0, parts.length - 1) })));
    this.moveTo(at, parts, said);
  }

  /** @param {number} at @param {TrackFix[][]} parts @param {HTMLElement} said */
  moveTo(at, parts, said) {
    if (this.shown === null) return;
    this.shown.at = at;
    const { fix, since } = whereAt(this.fixes, at, (device) => this.silenceMs(device));
    const known = fix === null
      ? word(since === null ? "track_not_yet" : "track_gap", { age: since === null ? "" : span(at - since.event_ms) })
      : word("track_fix", { time: moment(fix.event_ms), accuracy: fix.accuracy_m === null ? "–" : `± ${length(fix.accuracy_m)}` });
    said.textContent = `${moment(at)} · ${known}`;
    said.classList.toggle("gap", fix === null);
    this.told.onTrack(parts, fix, false);
  }
}
