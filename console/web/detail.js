/** One alert: why it fired, what to do next, what happened so far. */

import { find, make, toast } from "./dom.js";
import { Refusal } from "./api.js";
import { alertOf } from "./records.js";
import { deviceWord, whyItFired } from "./sentence.js";
import { severityMark } from "./severity.js";
import { fullMoment, length, moment, timeOfDay } from "./units.js";
import { coded, word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */

const REASONS = ["gps_drift", "equipment_fault", "wrong_fence", "unrecorded_leave", "duplicate", "other"];

/** What is said when a step was taken. @type {Record<string, string>} */
const SAID = { claim: "claimed_ok", release: "released_ok", verify: "verified_ok", dispose: "disposed_ok", close: "closed_ok" };

export class Detail {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./records.js").SiteView} site
   * @param {import("./freshness.js").Freshness} freshness
   * @param {{onShow: (alert: AlertItem, isNew: boolean) => void, onClose: () => void, onStep: () => void}} told
   */
  constructor(api, site, freshness, told) {
    this.api = api;
    this.site = site;
    this.freshness = freshness;
    this.told = told;
    /** @type {AlertItem | null} */
    this.alert = null;
    /** @type {string | null} */
    this.key = null;
    this.box = find("detail");
  }

  /** @param {string} key */
  async open(key) {
    const isNew = key !== this.key;
    this.key = key;
    const alert = alertOf(await this.api.read(`/v1/alerts/${key}`));
    if (this.key === key) this.show(alert, isNew);
  }

  /** Read it again, because something happened to it. */
  async refresh() {
    if (this.key !== null) await this.open(this.key);
  }

  close() {
    this.key = this.alert = null;
    this.box.hidden = true;
    this.told.onClose();
  }

  /** @param {AlertItem} alert @param {boolean} isNew */
  show(alert, isNew) {
    const before = this.alert?.alert_key === alert.alert_key ? this.alert : null;
    if (before !== null && alert.seq < before.seq) return; // asked before the last step, answered after it
    this.alert = alert;
    if (before?.seq !== alert.seq || before.state !== alert.state || before.holder !== alert.holder) {
      this.draw(before !== null && nextStep(before) === nextStep(alert));
    }
    this.box.hidden = false;
    if (isNew) this.box.focus({ preventScroll: true });
    this.told.onShow(alert, isNew);
  }

  /** Draw what is shown; what somebody is about to do stays as it is where `keepsSteps`. @param {boolean} [keepsSteps] */
  draw(keepsSteps = false) {
    const { alert } = this;
    if (alert === null) return;
    const parts = this.parts(alert);
    const drawn = [...this.box.children];
    if (!keepsSteps || drawn.length !== parts.length) {
      this.box.replaceChildren(...parts);
      return;
    }
    parts.forEach((part, k) => {
      const old = drawn[k];
      if (part instanceof HTMLDetailsElement && old instanceof HTMLDetailsElement) part.open = old.open;
      if (!part.classList.contains("steps")) old.replaceWith(part);
    });
  }

  /** @param {AlertItem} alert @returns {HTMLElement[]} */
  parts(alert) {
    return [
      make("div", { className: "head" },
        severityMark(alert.severity),
        make("h2", {}, [coded("kind", alert.kind), alert.who].filter(Boolean).join(" · ")),
        make("button", { type: "button", className: "quiet", "aria-label": word("close_detail"),
          title: `${word("close_detail")} (Esc)`, onclick: () => this.close() }, "✕")),
      make("p", { className: "state-line" },
        make("span", { className: `state ${alert.state}` }, coded("state", alert.state)), " ", ...facts(alert)),
      make("p", { className: "why", "aria-label": word("why") }, whyItFired(alert, this.site, this.freshness.now_ms)),
      make("section", { className: "steps", "aria-label": word("next_step") }, ...this.steps(alert)),
      make("h3", {}, word("timeline")), timeline(alert),
      evidence(alert), this.particulars(alert),
    ];
  }

  /** What may be done now, by whoever looks. @param {AlertItem} alert @returns {(Node | string)[]} */
  steps(alert) {
    const me = this.freshness.status?.me;
    if (me && !me.mayAct) return [make("p", { className: "hint" }, word("read_only"))];
    const foreign = alert.holder !== null && alert.holder !== me?.name;
    if (foreign) {
      const time = alert.lease_until_ms === null ? "" : timeOfDay(alert.lease_until_ms);
      return [make("p", { className: "hint" }, word("held_until", { name: alert.holder ?? "", time }))];
    }
    if (alert.state === "open" || alert.state === "self_cleared") return [this.step("claim", "main")];
    if (alert.state === "claimed") return [this.verdictForm()];
    if (alert.state === "verified") return [this.outcomeForm(alert)];
    const isClosed = alert.state === "closed";
    const done = word(isClosed ? "done_closed" : "done", { outcome: coded("outcome", alert.outcome) });
    return [make("p", { className: "done" }, done), ...(isClosed ? [] : [this.step("close", "main")])];
  }

  /** @param {string} name @param {string} look */
  step(name, look) {
    return make("button", { type: "button", className: look, onclick: () => this.act(name) }, word(name));
  }

  verdictForm() {
    const reason = make("select", { name: "reason", "aria-label": word("reason"), required: true },
      make("option", { value: "" }, word("reason_choose")),
      ...REASONS.map((code) => make("option", { value: code }, coded("reason", code))));
    const why = make("label", { className: "reason" }, word("reason"), reason);
    const form = make("form", {},
      choices("verdict", word("verdict"), ["true", "false", "unverifiable"], null),
      why,
      make("div", { className: "buttons" },
        make("button", { type: "submit", className: "main" }, word("verify")), this.step("release", "quiet")));
    const follow = () => {
      const isFalse = new FormData(form).get("verdict") === "false";
      why.hidden = reason.disabled = !isFalse;
      why.hidden = !isFalse;
    };
    form.addEventListener("change", follow);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new FormData(form);
      this.act("verify", { verdict: given.get("verdict"), reason: given.get("reason") || null });
    });
    follow();
    return form;
  }

  /** @param {AlertItem} alert */
  outcomeForm(alert) {
    const fitting = this.site.outcomes[alert.verdict ?? ""] ?? [];
    const note = make("textarea", { name: "note", rows: 2, maxLength: 4000 });
    const form = make("form", {},
      choices("outcome", word("outcome"), fitting, alert.verdict === "false" ? "false_alarm" : null),
      make("label", {}, word("note"), note),
      make("div", { className: "buttons" }, make("button", { type: "submit", className: "main" }, word("dispose"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = new FormData(form);
      this.act("dispose", { outcome: given.get("outcome"), note: given.get("note") || null });
    });
    return form;
  }

  /** Take a step; the alert is shown as the server then has it, never as we hope. @param {string} name @param {object} [body] */
  async act(name, body) {
    const key = this.key;
    try {
      const alert = alertOf(await this.api.send(`/v1/alerts/${key}/${name}`, body));
      toast(word(SAID[name] ?? "disposed_ok"));
      if (this.key === key) this.show(alert, false);
    } catch (error) {
      toast(refusalWords(error), "bad");
      await this.refresh();
    }
    this.focusStep();
    this.told.onStep();
  }

  /** The focus goes to the next thing to do; the old one is gone. */
  focusStep() {
    const next = this.box.querySelector(".steps input, .steps button");
    (next instanceof HTMLElement ? next : this.box).focus({ preventScroll: true });
  }

  /** @param {AlertItem} alert */
  particulars(alert) {
    const rows = [
      [word("person"), alert.who === alert.person_id ? alert.person_id : `${alert.who} (${alert.person_id})`],
      [capital(deviceWord(alert)), alert.device_id], [word("office_word"), this.site.officeName(alert.office_id)],
      [word("fence"), this.site.fenceName(alert.fence_id)], [word("onset"), fullMoment(alert.onset_ms)],
      [word("raised"), fullMoment(alert.raised_ms)], [word("policy_word"), alert.policy_version],
      [word("key_word"), alert.alert_key],
    ].filter(([, value]) => value);
    return make("details", {}, make("summary", {}, word("facts")),
      make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
  }
}

/** What is to be done next, and by whom: a form for one thing is none for another. @param {AlertItem} alert */
function nextStep(alert) {
  return `${alert.state === "self_cleared" ? "open" : alert.state} ${alert.holder}`;
}

/** A word at the beginning of a line. @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {AlertItem} alert */
function facts(alert) {
  const found = [];
  if (alert.withdrawn_ms !== null) found.push(word("fact_withdrawn"));
  if (alert.cleared_ms !== null) found.push(word("fact_cleared", { time: timeOfDay(alert.cleared_ms) }));
  if (alert.authorised_by !== null) found.push(word("fact_authorised", { leave: alert.authorised_by }));
  if (alert.retrospective) found.push(word("fact_retrospective"));
  return found.map((text) => make("span", { className: "fact" }, text));
}

/** One of several, all in sight. @param {string} name @param {string} title @param {string[]} codes @param {string | null} chosen */
function choices(name, title, codes, chosen) {
  return make("fieldset", {}, make("legend", {}, title), ...codes.map((code) => make("label", { className: "choice" },
    make("input", { type: "radio", name, value: code, required: true, checked: code === chosen }),
    make("span", {}, coded(name, code)))));
}

/** A field of the engine's facts comes as before and after. @param {any} moved @returns {string} */
function after(moved) {
  return String((Array.isArray(moved) ? moved.at(-1) : moved) ?? "");
}

/** @param {AlertItem} alert */
function timeline(alert) {
  return make("ol", { className: "timeline" }, ...alert.timeline.map((entry) => {
    const { details } = entry;
    const blanks = { verdict: coded("verdict", details.verdict), outcome: coded("outcome", details.outcome),
      level: after(details.level), leave: after(details.authorised_by) };
    const said = [details.reason && coded("reason", details.reason), details.note].filter(Boolean).join("；");
    return make("li", { className: entry.actor === null ? "fact" : "step" },
      make("time", { dateTime: new Date(entry.at_ms).toISOString() }, moment(entry.at_ms)),
      make("span", { className: "actor" }, entry.actor ?? word("engine")),
      make("span", {}, word(`event_${entry.kind}`, blanks), said && make("q", {}, said)));
  }));
}

/** @param {AlertItem} alert */
function evidence(alert) {
  if (alert.evidence.length === 0) return make("p", { className: "hint" }, word("no_evidence"));
  const head = ["evidence_time", "evidence_distance", "evidence_accuracy"];
  return make("details", {}, make("summary", {}, word("evidence", { n: alert.evidence.length })),
    make("table", {},
      make("thead", {}, make("tr", {}, make("th", {}, "#"), ...head.map((name) => make("th", { scope: "col" }, word(name))))),
      make("tbody", {}, ...alert.evidence.map((fix, k) => make("tr", {},
        make("td", {}, String(k + 1)), make("td", {}, timeOfDay(fix.event_ms)), make("td", {}, length(fix.distance_m)),
        make("td", {}, fix.accuracy_m === null ? "–" : `± ${length(fix.accuracy_m)}`))))));
}

/** @param {unknown} error */
function refusalWords(error) {
  if (error instanceof Refusal && error.status === 409) {
    if (error.holder !== null) return word("taken", { name: error.holder });
    return word("state_refused", { state: coded("state", error.state) });
  }
  return word("refused", { why: error instanceof Error ? error.message : String(error) });
}
