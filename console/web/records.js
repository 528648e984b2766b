/** What the server's answers look like here: times in ms, and the site with what the page looks up in it. */

import { takeRules } from "./words.js";

/**
 * @typedef {{event_ms: number, lon: number, lat: number, accuracy_m: number | null, distance_m: number,
 *   side: string}} Fix
 * @typedef {{seq: number, at_ms: number, kind: string, actor: string | null, details: Record<string, any>}} Entry
 * @typedef {{alert_key: string, kind: string, severity: number, person_id: string, who: string,
 *   device_id: string | null, device_kind: string | null, office_id: string, fence_id: string | null,
 *   place: string | null, onset_ms: number, raised_ms: number, cleared_ms: number | null,
 *   withdrawn_ms: number | null, authorised_by: string | null, level: number, lon: number | null,
 *   lat: number | null, distance_m: number | null, retrospective: boolean, policy_version: string,
 *   near: {name: string, name_en: string | null, distance_m: number} | null, evidence: Fix[], state: string, holder: string | null, lease_until_ms: number | null,
 *   verdict: string | null, reason: string | null, outcome: string | null, note: string | null,
 *   seq: number, timeline: Entry[]}} AlertItem
 * @typedef {{device_id: string, person_id: string, who: string, office_id: string, event_ms: number,
 *   arrival_ms: number, lon: number, lat: number, accuracy_m: number | null}} Position
 * @typedef {{name: string, role: string, office: string, mayAct: boolean}} Me
 * @typedef {{devices: number, overdue: number, newestAge_ms: number | null}} Reports
 * @typedef {{now_ms: number, simulated: boolean, speed: number, reports: Reports, intakeProblem: string | null,
 *   engineWhy: string | null, engineIdle_ms: number, engineClock_ms: number | null,
 *   engineLag_ms: number | null, counts: Record<string, number>, site: number, me: Me}} Status
 * @typedef {{office_id: string, parent_id: string | null, name: string, level: string}} Office
 */

/** @param {string | null | undefined} text @returns {number | null} */
function ms(text) {
  return text ? Date.parse(text) : null;
}

/** @param {any} raw @returns {AlertItem} */
export function alertOf(raw) {
  return {
    ...raw,
    who: raw.person_name ?? raw.person_id,
    device_kind: raw.device_kind ?? null,
    place: raw.fence_name ?? null,
    near: raw.near ?? null,
    onset_ms: Date.parse(raw.onset_at),
    raised_ms: Date.parse(raw.raised_at),
    cleared_ms: ms(raw.cleared_at),
    withdrawn_ms: ms(raw.withdrawn_at),
    lease_until_ms: ms(raw.lease_until),
    evidence: (raw.evidence ?? []).map((/** @type {any} */ fix) => ({ ...fix, event_ms: Date.parse(fix.event_time) })),
    timeline: (raw.timeline ?? []).map((/** @type {any} */ entry) => ({ ...entry, at_ms: Date.parse(entry.at) })),
  };
}

/** @param {any} raw @returns {Position} */
export function positionOf(raw) {
  return {
    ...raw,
    who: raw.person_name ?? raw.person_id,
    event_ms: Date.parse(raw.event_time),
    arrival_ms: Date.parse(raw.arrival_time),
  };
}

/** @param {any} raw @returns {Status} */
export function statusOf(raw) {
  return {
    now_ms: Date.parse(raw.now),
    simulated: raw.simulated,
    speed: raw.speed,
    reports: {
      devices: raw.liveness.reports.devices,
      overdue: raw.liveness.reports.overdue,
      newestAge_ms: raw.liveness.reports.newest_age_s === null ? null : raw.liveness.reports.newest_age_s * 1000,
    },
    intakeProblem: raw.liveness.intake.problem,
    engineWhy: raw.liveness.engine.why,
    engineIdle_ms: raw.liveness.engine.idle_s * 1000,
    engineClock_ms: ms(raw.engine?.clock),
    engineLag_ms: raw.engine?.lag_s === undefined || raw.engine.lag_s === null ? null : raw.engine.lag_s * 1000,
    counts: raw.queue?.by_state ?? {},
    site: raw.site ?? 0,
    me: { name: raw.you.name, role: raw.you.role, office: raw.you.office_name ?? "", mayAct: raw.you.may_act },
  };
}

/** Whether a version of a fence is valid at a time. @param {GeoJSON.Feature} fence @param {number} at_ms */
function isValid(fence, at_ms) {
  const { valid_from, valid_to } = fence.properties ?? {};
  return (ms(valid_from) ?? -Infinity) <= at_ms && at_ms < (ms(valid_to) ?? Infinity);
}

/** The site as the page needs it: the ground, the offices and the rules, as they are until it is read anew. */
export class SiteView {
  /** @param {any} raw the answer of /v1/site */
  constructor(raw) {
    this.take(raw);
  }

  /** What was read anew takes the place of all that was. @param {any} raw the answer of /v1/site */
  take(raw) {
    /** Another one after each change of the site. @type {number} */
    this.number = raw.number ?? 0;
    /** @type {string} */
    this.timezone = raw.timezone;
    /** @type {Record<string, number[]>} seconds by kind of device */
    this.silence = raw.silence ?? {};
    /** @type {Record<string, string[]>} */
    this.outcomes = raw.outcomes;
    /** Why an alert may be found false, and what one step may end in. @type {string[]} */
    this.reasons = raw.reasons ?? [];
    /** The kinds of alerts there are, in the order of the catalogue. @type {string[]} */
    this.kinds = (raw.rules ?? []).map((/** @type {{kind: string}} */ rule) => rule.kind);
    takeRules(raw.rules ?? []);
    /** @type {string[]} */
    this.plainOutcomes = raw.plain_outcomes ?? [];
    /** @type {Office[]} */
    this.offices = raw.offices;
    /** @type {GeoJSON.FeatureCollection} */
    this.fences = { type: "FeatureCollection", features: raw.features };
    /** @type {GeoJSON.FeatureCollection} */
    this.counties = raw.counties ?? { type: "FeatureCollection", features: [] };
    /** @type {string} */
    this.attribution = [raw.counties?.attribution, raw.places_attribution].filter(Boolean).join(" · ");
    /** When versions of fences begin or end, in order. @type {number[]} */
    this.turns = this.fences.features.flatMap(({ properties }) => [ms(properties?.valid_from), ms(properties?.valid_to)])
      .filter((at_ms) => at_ms !== null).sort((a, b) => a - b);
    /** @type {Map<string, string>} */
    this.fenceNames = new Map(this.fences.features.map((fence) => [
      fence.properties?.fence_id, fence.properties?.name || fence.properties?.fence_id]));
    /** @type {Map<string, string>} */
    this.officeNames = new Map(this.offices.map((office) => [office.office_id, office.name]));
  }

  /** @param {string | null} fenceId */
  fenceName(fenceId) {
    return fenceId === null ? null : this.fenceNames.get(fenceId) ?? fenceId;
  }

  /** The fences that are valid at a time. @param {number} at_ms */
  fencesAt(at_ms) {
    return this.fences.features.filter((fence) => isValid(fence, at_ms));
  }

  /** Whether other fences are valid at a time than at an earlier one. @param {number} before_ms @param {number} at_ms */
  turnsBetween(before_ms, at_ms) {
    return this.turns.some((turn_ms) => before_ms < turn_ms && turn_ms <= at_ms);
  }

  /** A fence as it was at a time; every version of it where none was valid then. @param {string | null} fenceId @param {number} at_ms */
  fenceOf(fenceId, at_ms) {
    const versions = this.fences.features.filter((fence) => fenceId !== null && fence.properties?.fence_id === fenceId);
    const then = versions.filter((fence) => isValid(fence, at_ms));
    return then.length > 0 ? then : versions;
  }

  /** @param {string} officeId */
  officeName(officeId) {
    return this.officeNames.get(officeId) ?? officeId;
  }

  /** How long a silence has lasted for certain, by the threshold of its level. @param {AlertItem} alert */
  silenceMs(alert) {
    const levels = this.silence[alert.device_kind ?? ""];
    const seconds = levels?.[alert.level - 1];
    return seconds === undefined ? null : seconds * 1000;
  }
}
