/** One sentence that says why an alert fired, from the alert's own fields. */

import { length, minuteOfDay, shortMoment, span } from "./units.js";
import { coded, currentLanguage, hasWord, word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */
/** @typedef {import("./records.js").SiteView} SiteView */

/** Evidence holds this many fixes at most; at the most there may have been more. */
const EVIDENCE_MOST = 20;

/**
 * @param {AlertItem} alert
 * @param {SiteView} site
 * @param {number} now_ms another day than today is named
 * @returns {string}
 */
export function whyItFired(alert, site, now_ms) {
  const head = coded("kind", alert.kind);
  const zh = currentLanguage() === "zh";
  const why = `why_${alert.kind}`;
  const tail = hasWord(why) ? (zh ? "：" : ": ") + word(why, blanksOf(alert, site, zh, now_ms)) : "";
  return head + tail + (zh ? "。" : ".");
}

/**
 * What a rule's sentence may name. Which of it a rule names stands in its entry of the catalogue.
 * @param {AlertItem} alert @param {SiteView} site @param {boolean} zh @param {number} now_ms
 */
function blanksOf(alert, site, zh, now_ms) {
  return {
    who: alert.who,
    whose: whose(alert, zh), // Zhang San’s phone
    since: shortMoment(alert.onset_ms, now_ms),
    due: minuteOfDay(alert.raised_ms),
    spell: spell(alert, zh, now_ms), // since when, or from when to when
    was: alert.cleared_ms === null ? "has been" : "was",
    place: alert.place ?? site.fenceName(alert.fence_id) ?? "?",
    proof: proof(alert, zh), // how many fixes within how long
    far: length(Math.max(...alert.evidence.map((fix) => Math.abs(fix.distance_m)), Math.abs(alert.distance_m ?? 0))),
    nearby: nearby(alert, zh),
    level: alert.level,
    silent_for: span(silentFor_ms(alert, site)),
  };
}

/** 手机, 腕带, or 设备 where nobody knows which. @param {AlertItem} alert */
export function deviceWord(alert) {
  const kind = alert.device_kind;
  return word(`device_${kind === "phone" || kind === "wristband" ? kind : "other"}`);
}

/** 张三的手机 @param {AlertItem} alert @param {boolean} zh */
function whose(alert, zh) {
  const device = deviceWord(alert);
  return zh ? `${alert.who}的${device}` : `${alert.who}’s ${device}`;
}

/** Where that is, in a name that people know: “, near 双河街道 (1.9 km)”. @param {AlertItem} alert @param {boolean} zh */
function nearby(alert, zh) {
  if (alert.near === null) return "";
  const { name, name_en: latin, distance_m: far } = alert.near;
  return zh ? `，在${name}附近（${length(far)}）` : `, near ${latin ?? name} (${length(far)})`;
}

/** @param {AlertItem} alert @param {boolean} zh @param {number} now_ms */
function spell(alert, zh, now_ms) {
  const since = shortMoment(alert.onset_ms, now_ms);
  const over_ms = alert.cleared_ms;
  if (over_ms === null) return zh ? `${since} 起` : `since ${since}`;
  const [until, lasted] = [shortMoment(over_ms, now_ms), span(over_ms - alert.onset_ms)];
  return zh ? `${since} 至 ${until}（${lasted}）` : `from ${since} to ${until} (${lasted})`;
}

/** @param {AlertItem} alert @param {boolean} zh */
function proof(alert, zh) {
  const n = alert.evidence.length;
  const lasted = span(alert.raised_ms - alert.onset_ms);
  const isOne = alert.raised_ms === alert.onset_ms; // a check-in from the wrong place raises at once
  if (zh) {
    const fixes = n < EVIDENCE_MOST ? `${n} 个定位点` : `${n} 个以上定位点`;
    return isOne ? fixes : `${lasted}内${fixes}`;
  }
  const fixes = n < EVIDENCE_MOST ? `${n} ${n === 1 ? "fix" : "fixes"}` : `${n} fixes or more`;
  return isOne ? fixes : `${fixes} within ${lasted}`;
}

/** For how long at least a device has been silent, by the level reached. @param {AlertItem} alert @param {SiteView} site */
function silentFor_ms(alert, site) {
  const levels = alert.timeline.filter((entry) => entry.kind === "level_changed");
  const reached_ms = Math.max(alert.raised_ms, ...levels.map((entry) => entry.at_ms));
  return site.silenceMs(alert) ?? reached_ms - alert.onset_ms;
}
