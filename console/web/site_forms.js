/** The small forms of a person's card that change the site: a leave granted or ended, a device added or ended. */

import { Refusal } from "./api.js";
import { make, toast } from "./dom.js";
import { fromLocal, toLocal } from "./units.js";
import { coded, word } from "./words.js";

/** @typedef {{leave_id: string, record: number | null, valid_from: string | null, valid_to: string | null, approved_at: string | null,
 *   category: string, module: string, fence_ids: string[], lon: number | null, lat: number | null, radius_m: number | null}} Leave */
/** @typedef {{lon: number, lat: number}} Place */
/** @typedef {(place: Place | null, radius_m: number) => void} ShowPlace */

/** Proper reasons of a leave (Art. 26 of the implementing measures). */
const CATEGORIES = ["medical", "study", "litigation", "affairs"];
/** Who approves, by the days that it lasts at most: the judicial office, the county, the city. @type {[string, number][]} */
const APPROVERS = [["judicial_office", 7], ["county", 30], ["city", Infinity]];
const DAY_MS = 86_400_000;
const RADIUS_M = 2000;
const KINDS = ["phone", "wristband"];

/** The approver of a leave of such a length. @param {number} span_ms */
export function approverOf(span_ms) {
  return (APPROVERS.find(([, days]) => span_ms <= days * DAY_MS) ?? APPROVERS[APPROVERS.length - 1])[0];
}

/** An id that nobody else has made. @param {string} letter @param {number} now_ms */
function newId(letter, now_ms) {
  const random = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${letter}-${toLocal(now_ms).slice(0, 10)}-${random}`;
}

/** @param {string} text @param {HTMLElement} field */
function labelled(text, field) {
  return make("label", {}, text, field);
}

/** @param {string} name @param {string[]} codes @param {string} family */
function select(name, codes, family) {
  return make("select", { name, required: true }, ...codes.map((code) => make("option", { value: code }, coded(family, code))));
}

/** @param {string} name @param {number} at_ms @param {string} label */
function time(name, at_ms, label) {
  return labelled(label, make("input", { type: "datetime-local", name, required: true, value: toLocal(at_ms) }));
}

/** Why: nothing of the site is changed without it. @param {string} hint */
function reason(hint) {
  return labelled(word("change_reason"), make("input", { name: "reason", required: true, maxLength: 1000, autocomplete: "off", placeholder: hint }));
}

/** @param {string} main @param {() => void} onCancel */
function buttons(main, onCancel) {
  return make("div", { className: "buttons" }, make("button", { type: "submit", className: "main" }, main),
    make("button", { type: "button", className: "quiet", onclick: onCancel }, word("cancel")));
}

/** What stands in the way of a change, one line for each fault. @param {unknown} error */
function faultLines(error) {
  if (error instanceof Refusal && error.status === 412) return [word("changed_meanwhile")];
  if (error instanceof Refusal && error.status === 404) return [word("not_yours")];
  if (error instanceof Refusal && error.faults.length > 0) {
    return error.faults.map((fault) => [coded("fault", fault.code), fault.field && coded("field", fault.field),
      `${fault.wrong}${fault.expected && `; ${word("expected", { what: fault.expected })}`}`].filter(Boolean).join(" · "));
  }
  return [word("refused", { why: error instanceof Error ? error.message : String(error) })];
}

/**
 * Sends what a form asks for; its faults stay below it.
 * @param {HTMLFormElement} form @param {(given: FormData) => Promise<unknown>} send @param {() => void} onDone
 */
function onSend(form, send, onDone) {
  const wrong = make("ul", { className: "wrong faults", role: "alert" });
  form.append(wrong);
  const submit = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    wrong.replaceChildren();
    submit.disabled = true; // a second click must not send it twice
    try {
      await send(new FormData(form));
      toast(word("change_done"));
      onDone();
    } catch (error) {
      wrong.replaceChildren(...faultLines(error).map((line) => make("li", {}, line)));
    } finally {
      submit.disabled = false;
    }
  });
}

/** @param {FormDataEntryValue | null} value */
function instant(value) {
  return new Date(fromLocal(String(value))).toISOString();
}

export class SiteForms {
  /**
   * @param {import("./api.js").Api} api @param {import("./records.js").SiteView} site @param {import("./freshness.js").Freshness} freshness
   * @param {{onChanged: () => void, onClosed: () => void, pickPlace: (picked: ((place: Place) => void) | null) => void, showPlace: ShowPlace}} told
   */
  constructor(api, site, freshness, told) {
    this.api = api;
    this.site = site;
    this.freshness = freshness;
    this.told = told;
    this.box = make("div", { className: "site-form", hidden: true });
    /** Opens the same form once more. @type {(() => void) | null} */
    this.again = null;
  }

  /** The other language: the form that is open is made anew, with what was filled in. */
  rewrite() {
    const form = this.box.querySelector("form");
    if (form === null || this.again === null) return;
    const given = new FormData(form);
    this.again();
    for (const field of this.box.querySelectorAll("input, select")) {
      if (field instanceof HTMLSelectElement && field.multiple) {
        for (const option of field.options) option.selected = given.getAll(field.name).includes(option.value);
      } else if (field instanceof HTMLInputElement && field.type === "radio") {
        field.checked = given.get(field.name) === field.value;
      } else if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) {
        const before = given.get(field.name);
        if (typeof before === "string") field.value = before;
      }
    }
    this.box.querySelector("form")?.dispatchEvent(new Event("input"));
  }

  close() {
    this.again = null;
    this.box.replaceChildren();
    this.box.hidden = true;
    this.told.pickPlace(null);
    this.told.showPlace(null, 0);
    this.told.onClosed();
  }

  /** @param {string} title @param {HTMLFormElement} form @param {(given: FormData) => Promise<unknown>} send */
  open(title, form, send) {
    this.close();
    onSend(form, send, () => {
      this.close();
      this.told.onChanged();
    });
    this.box.replaceChildren(make("h3", {}, title), form);
    this.box.hidden = false;
    /** @type {HTMLElement | null} */ (form.querySelector("select, input"))?.focus();
    this.box.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} personId */
  grantLeave(personId) {
    this.openLeave(personId);
    this.again = () => this.grantLeave(personId);
  }

  /** @param {string} personId */
  openLeave(personId) {
    const now = this.freshness.now_ms;
    const form = make("form", { name: "leave" },
      labelled(word("leave_category"), select("category", CATEGORIES, "leave")),
      make("div", { className: "two" }, time("from", now, word("leave_from")), time("to", now + DAY_MS, word("leave_to"))),
      this.placeFields(),
      make("div", { className: "two" },
        labelled(word("leave_approver"), select("module", APPROVERS.map(([code]) => code), "approver")),
        time("approved", now, word("leave_approved"))),
      make("p", { className: "hint" }, word("leave_approved_hint")),
      reason(word("leave_reason_hint")), buttons(word("leave_grant"), () => this.close()));
    followLength(form);
    this.open(word("leave_new"), form, (given) => {
      const isCircle = given.get("place") === "circle";
      const circle = { lon: given.get("lon"), lat: given.get("lat"), radius_m: given.get("radius") };
      const place = isCircle ? circle : { fence_ids: given.getAll("fence").join(";") };
      const row = { person_id: personId, category: given.get("category"), module: given.get("module"), ...place,
        valid_from: instant(given.get("from")), valid_to: instant(given.get("to")), approved_at: instant(given.get("approved")) };
      return this.api.change("PUT", `/v1/leaves/${newId("L", now)}`, null, { row, reason: given.get("reason") });
    });
    this.followPlace(form);
  }

  /** Where the person may be: a circle that is clicked on the map, or fences that are there. */
  placeFields() {
    const fences = this.site.fencesAt(this.freshness.now_ms).filter((fence) => fence.properties?.rule === "keep_in");
    /** @param {string} name @param {object} more */
    const number = (name, more) => labelled(word(`field_${name}`), make("input", { type: "number", name, required: true, ...more }));
    return make("fieldset", { className: "place-choice" }, make("legend", {}, word("leave_place")),
      ...["circle", "fences"].map((way) => make("label", { className: "choice" },
        make("input", { type: "radio", name: "place", value: way, checked: way === "circle", disabled: way === "fences" && fences.length === 0 }),
        make("span", {}, word(`leave_${way}`)))),
      make("div", { className: "of-circle" }, make("p", { className: "hint" }, word("leave_pick")),
        make("div", { className: "three" },
          number("lon", { step: "any", min: "-180", max: "180" }), number("lat", { step: "any", min: "-90", max: "90" }),
          number("radius", { min: "50", max: "1000000", value: String(RADIUS_M) }))),
      make("div", { className: "of-fences" }, labelled(word("leave_which"), make("select", { name: "fence", multiple: true, size: 4 },
        ...fences.map((fence) => make("option", { value: fence.properties?.fence_id },
          fence.properties?.name || fence.properties?.fence_id))))));
  }

  /** A click on the map is the middle of the circle, which is drawn as it is. @param {HTMLFormElement} form */
  followPlace(form) {
    /** @param {string} name */
    const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
    const follow = () => {
      const isCircle = new FormData(form).get("place") === "circle";
      for (const way of ["circle", "fences"]) {
        const part = /** @type {HTMLElement} */ (form.querySelector(`.of-${way}`));
        part.hidden = (way === "circle") !== isCircle;
        for (const input of part.querySelectorAll("input, select")) /** @type {HTMLInputElement} */ (input).disabled = part.hidden;
      }
      /** @type {HTMLSelectElement} */ (/** @type {unknown} */ (field("fence"))).required = !isCircle;
      const [lon, lat, radius] = ["lon", "lat", "radius"].map((name) => Number(field(name).value));
      const isThere = isCircle && field("lon").value !== "" && field("lat").value !== "" && radius > 0;
      this.told.showPlace(isThere ? { lon, lat } : null, radius);
      this.told.pickPlace(isCircle ? picked : null);
    };
    /** @param {Place} place */
    const picked = ({ lon, lat }) => {
      field("lon").value = lon.toFixed(6);
      field("lat").value = lat.toFixed(6);
      follow();
    };
    form.addEventListener("input", follow);
    follow();
  }

  /** @param {Leave} leave */
  endLeave(leave) {
    this.end(word("leave_end_title", { id: leave.leave_id }), word("leave_end_hint"), `/v1/leaves/${encodeURIComponent(leave.leave_id)}`, leave.record);
    this.again = () => this.endLeave(leave);
  }

  /** @param {{device_id: string, kind: string, record: number | null}} device */
  endDevice(device) {
    const title = word("device_end_title", { id: `${coded("device", device.kind)} ${device.device_id}` });
    this.end(title, word("device_end_hint"), `/v1/devices/${encodeURIComponent(device.device_id)}`, device.record);
    this.again = () => this.endDevice(device);
  }

  /** @param {string} title @param {string} hint @param {string} path @param {number | null} record */
  end(title, hint, path, record) {
    const form = make("form", { name: "end" }, make("p", { className: "hint" }, word("end_says")), reason(hint),
      buttons(word("end_now"), () => this.close()));
    this.open(title, form, (given) =>
      this.api.change("DELETE", `${path}?${new URLSearchParams({ reason: String(given.get("reason")) })}`, record ?? 0));
  }

  /** @param {string} personId */
  addDevice(personId) {
    const form = make("form", { name: "device" },
      labelled(word("device_id"), make("input", { name: "id", required: true, maxLength: 200, autocomplete: "off", spellcheck: false })),
      labelled(word("device_kind"), select("kind", KINDS, "device")), make("p", { className: "hint" }, word("device_hint")),
      reason(word("device_reason_hint")), buttons(word("device_add"), () => this.close()));
    this.open(word("device_new"), form, async (given) => {
      const path = `/v1/devices/${encodeURIComponent(String(given.get("id")).trim())}`;
      const row = { person_id: personId, kind: given.get("kind") };
      return this.api.change("PUT", path, await this.recordOf(path), { row, reason: given.get("reason") });
    });
    this.again = () => this.addDevice(personId);
  }

  /** The record of a row that may be there: a device comes back that somebody bore before. @param {string} path */
  async recordOf(path) {
    try {
      return (await this.api.read(path)).record;
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return null;
      throw error;
    }
  }
}

/** Who approves follows the length of the leave until somebody says otherwise. @param {HTMLFormElement} form */
function followLength(form) {
  /** @param {string} name */
  const field = (name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  let isChosen = false;
  field("module").addEventListener("change", () => { isChosen = true; });
  const follow = () => {
    const span_ms = fromLocal(field("to").value) - fromLocal(field("from").value);
    if (!isChosen && span_ms > 0) field("module").value = approverOf(span_ms);
  };
  for (const name of ["from", "to"]) field(name).addEventListener("change", follow);
  follow();
}
