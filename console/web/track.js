/** A person's track over a period: stretches of fixes, and the gaps between them in which nothing is known. */

import { lineOf, pointOf } from "./geometry.js";

/** @typedef {{device_id: string, event_ms: number, lon: number, lat: number, accuracy_m: number | null, kind: string}} TrackFix */

/**
 * Fixes that follow one another closely enough; a longer silence than the device's first threshold parts them. Nobody
 * knows where the person was in between, so no line is drawn there.
 * @param {TrackFix[]} fixes in order of time @param {(deviceId: string) => number} silenceMs
 * @returns {TrackFix[][]}
 */
export function stretches(fixes, silenceMs) {
  /** @type {TrackFix[][]} */
  const found = [];
  /** @type {Map<string, TrackFix[]>} the stretch that each device goes on with */
  const open = new Map();
  for (const fix of fixes) {
    const going = open.get(fix.device_id);
    const last = going?.at(-1);
    if (going !== undefined && last !== undefined && fix.event_ms - last.event_ms <= silenceMs(fix.device_id)) going.push(fix);
    else {
      const begun = [fix];
      open.set(fix.device_id, begun);
      found.push(begun);
    }
  }
  return found;
}

/**
 * Where the person was known to be at a time: the last fix until then, or nothing once the device had been silent for
 * too long.
 * @param {TrackFix[]} fixes in order of time @param {number} at_ms @param {(deviceId: string) => number} silenceMs
 * @returns {{fix: TrackFix | null, since: TrackFix | null}} `since`: the last fix before the gap
 */
export function whereAt(fixes, at_ms, silenceMs) {
  const before = fixes.filter((fix) => fix.event_ms <= at_ms);
  const last = before.at(-1) ?? null;
  if (last === null) return { fix: null, since: null };
  const heard = before.findLast((fix) => at_ms - fix.event_ms <= silenceMs(fix.device_id)) ?? null;
  return { fix: heard, since: heard === null ? last : null };
}

/** @param {TrackFix[][]} parts @param {TrackFix | null} now @returns {GeoJSON.Feature[]} */
export function trackMarks(parts, now) {
  const lines = parts.filter((part) => part.length > 1).map((part) => lineOf(part, { part: "line" }));
  const ends = parts.flatMap((part) => [part[0], part[part.length - 1]]).map((fix) => pointOf(fix, { part: "end" }));
  return [...lines, ...ends, ...(now === null ? [] : [pointOf(now, { part: "now" })])];
}
