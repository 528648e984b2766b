/** One alert: why it fired, what to do next, what happened so far. */

import { find, make, toast } from "./dom.js";
import { Refusal } from "./api.js";
import { alertOf } from "./records.js";
import { correctionForm, followVerdict, outcomeForm, plainForm, verdictForm } from "./step_forms.js";
import { deviceWord, whyItFired } from "./sentence.js";
import { severityMark } from "./severity.js";
import { fullMoment, length, moment, timeOfDay } from "./units.js";
import { coded, word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */
/** @typedef {import("./drafts.js").Drafts} Drafts */

/** What is said when a step was taken. @type {Record<string, string>} */
const SAID = { claim: "claimed_ok", release: "released_ok", verify: "verified_ok", correct: "corrected_ok", dispose: "disposed_ok",
  close: "closed_ok", settle: "settled_ok" };
/** After these nothing more is to be said about the alert. */
const LAST = new Set(["dispose", "close", "settle"]);

export class Detail {
  /**
   * @param {import("./api.js").Api} api
   * @param {import("./records.js").SiteView} site
   * @param {import("./freshness.js").Freshness} freshness
   * @param {Drafts} drafts
   * @param {{onShow: (alert: AlertItem, isNew: boolean) => void, onClose: () => void, onStep: () => void, onPerson: (personId: string) => void}} told
   */
  constructor(api, site, freshness, drafts, told) {
    this.api = api;
    this.site = site;
    this.freshness = freshness;
    this.drafts = drafts;
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
        alert.person_id !== "" && make("button", { type: "button", className: "quiet", title: `${word("person_card")} (p)`,
          onclick: () => this.told.onPerson(alert.person_id) }, word("person_card")),
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
    /** @type {import("./step_forms.js").Act} */
    const act = (name, body) => this.act(name, body);
    if (alert.state === "open" || alert.state === "self_cleared") {
      const kept = this.drafts.has(alert.alert_key) ? [make("p", { className: "hint draft" }, word("draft_kept"))] : [];
      return [this.step("claim", "main"), ...kept, this.kept(alert, plainForm(this.site, act))];
    }
    if (alert.state === "claimed") return [this.kept(alert, verdictForm(this.site, act))];
    if (alert.state === "verified") return [this.kept(alert, outcomeForm(alert, this.site, act)), this.correction(alert, act)];
    const isClosed = alert.state === "closed";
    const done = word(isClosed ? "done_closed" : "done", { outcome: coded("outcome", alert.outcome) });
    return [make("p", { className: "done" }, done), ...(isClosed ? [] : [this.step("close", "main")])];
  }

  /** @param {string} name @param {string} look */
  step(name, look) {
    return make("button", { type: "button", className: look, onclick: () => this.act(name) }, word(name));
  }

  /** A form with its draft in it. @param {AlertItem} alert @param {HTMLFormElement} form */
  kept(alert, form) {
    this.drafts.follow(form, alert.alert_key, form.name);
    if (form.querySelector(".reason") !== null) followVerdict(form);
    return form;
  }

  /** A verdict may be taken back until the alert is disposed of. @param {AlertItem} alert @param {import("./step_forms.js").Act} act */
  correction(alert, act) {
    const verdict = coded("verdict", alert.verdict);
    return make("details", { className: "correction", open: "correct" in this.drafts.of(alert.alert_key) },
      make("summary", {}, word("correct_title", { verdict })), this.kept(alert, correctionForm(alert, this.site, act)));
  }

  /** Take a step; the alert is shown as the server then has it, never as we hope. @param {string} name @param {object} [body] */
  async act(name, body) {
    const key = this.key;
    try {
      const alert = alertOf(await this.api.send(`/v1/alerts/${key}/${name}`, body));
      if (LAST.has(name)) this.drafts.dropAll(alert.alert_key);
      else this.drafts.drop(alert.alert_key, name);
      toast(word(SAID[name] ?? "disposed_ok"));
      if (this.key === key) this.show(alert, false);
    } catch (error) {
      toast(refusalWords(error), "bad");
      await this.refresh().catch(() => undefined); // what is filled in stays, here and in its draft
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
  const state = alert.state === "self_cleared" ? "open" : alert.state;
  return `${state} ${alert.holder} ${alert.verdict} ${alert.reason}`;
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

/** A field of the engine's facts comes as before and after. @param {any} moved @returns {string} */
function after(moved) {
  return String((Array.isArray(moved) ? moved.at(-1) : moved) ?? "");
}

/** What stood there before; nothing where it did not move. @param {any} moved @returns {string | null} */
function before(moved) {
  return Array.isArray(moved) ? moved[0] : null;
}

/** An alert that was settled in one step says so, and with how many others. @param {number | undefined} n */
function together(n) {
  if (n === undefined) return "";
  return n === 1 ? word("in_one_step") : word("in_one_step_together", { n });
}

/** @param {AlertItem} alert */
function timeline(alert) {
  return make("ol", { className: "timeline" }, ...alert.timeline.map((entry) => {
    const { details } = entry;
    const blanks = { verdict: coded("verdict", after(details.verdict)), before: coded("verdict", before(details.verdict)), outcome: coded("outcome", details.outcome),
      level: after(details.level), leave: after(details.authorised_by) };
    const said = [coded("reason", after(details.reason) || null), details.note, details.because, together(details.together)]
      .filter(Boolean).join(word("list_comma"));
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
