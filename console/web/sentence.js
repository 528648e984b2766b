/** One sentence that says why an alert fired, from the alert's own fields. */

import { length, minuteOfDay, shortMoment, span } from "./units.js";
import { coded, currentLanguage, word } from "./words.js";

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
  const says = { boundary_violation: crossing, zone_entry: crossing, silent_device: silence,
    missed_confirmation: missedCheckIn, log_gap: logGap }[alert.kind];
  const head = coded("kind", alert.kind);
  const zh = currentLanguage() === "zh";
  const tail = says === undefined ? "" : (zh ? "：" : ": ") + says(alert, site, zh, now_ms);
  return head + tail + (zh ? "。" : ".");
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

/** @param {AlertItem} alert @param {SiteView} site @param {boolean} zh @param {number} now_ms */
function crossing(alert, site, zh, now_ms) {
  const since = shortMoment(alert.onset_ms, now_ms);
  const over_ms = alert.cleared_ms;
  const place = alert.place ?? site.fenceName(alert.fence_id) ?? "?";
  const outside = alert.kind === "boundary_violation";
  const far = Math.max(...alert.evidence.map((fix) => Math.abs(fix.distance_m)), Math.abs(alert.distance_m ?? 0));
  const n = alert.evidence.length;
  const isOne = alert.raised_ms === alert.onset_ms; // a check-in from the wrong place raises at once
  const lasted = span(alert.raised_ms - alert.onset_ms);
  if (zh) {
    const until = over_ms === null ? "起" : `至 ${shortMoment(over_ms, now_ms)}（${span(over_ms - alert.onset_ms)}）`;
    const where = `${since} ${until}在“${place}”之${outside ? "外" : "内"}`;
    const fixes = n < EVIDENCE_MOST ? `${n} 个定位点` : `${n} 个以上定位点`;
    const proof = isOne ? fixes : `${lasted}内${fixes}`;
    return `${whose(alert, zh)} ${where}；触发依据：${proof}，${outside ? "最远" : "最深"} ${length(far)}${nearby(alert, zh)}`;
  }
  const side = `${outside ? "outside" : "inside"} “${place}”`;
  const where = over_ms === null ? `has been ${side} since ${since}`
    : `was ${side} from ${since} to ${shortMoment(over_ms, now_ms)} (${span(over_ms - alert.onset_ms)})`;
  const fixes = n < EVIDENCE_MOST ? `${n} ${n === 1 ? "fix" : "fixes"}` : `${n} fixes or more`;
  const proof = isOne ? fixes : `${fixes} within ${lasted}`;
  return `${whose(alert, zh)} ${where}; raised after ${proof}, ${length(far)} at most${nearby(alert, zh)}`;
}

/** @param {AlertItem} alert @param {SiteView} site @param {boolean} zh @param {number} now_ms */
function silence(alert, site, zh, now_ms) {
  const since = shortMoment(alert.onset_ms, now_ms);
  const levels = alert.timeline.filter((entry) => entry.kind === "level_changed");
  const reached_ms = Math.max(alert.raised_ms, ...levels.map((entry) => entry.at_ms));
  const lasted = span(site.silenceMs(alert) ?? reached_ms - alert.onset_ms);
  return zh
    ? `${whose(alert, zh)}自 ${since} 起没有任何上报，已达 ${lasted}（第 ${alert.level} 级）`
    : `${whose(alert, zh)} has sent nothing since ${since}: ${lasted} so far (level ${alert.level})`;
}

/** @param {AlertItem} alert @param {SiteView} _site @param {boolean} zh @param {number} now_ms */
function missedCheckIn(alert, _site, zh, now_ms) {
  const from = shortMoment(alert.onset_ms, now_ms);
  const to = minuteOfDay(alert.raised_ms);
  return zh
    ? `${alert.who} 从 ${from} 起应当签到，到 ${to}（含宽限时间）没有收到有效签到`
    : `${alert.who} was due to check in from ${from}, and no valid check-in had arrived by ${to}, the grace period included`;
}

/** Of nobody: our own log. @param {AlertItem} alert @param {SiteView} _site @param {boolean} zh @param {number} now_ms */
function logGap(alert, _site, zh, now_ms) {
  const from = shortMoment(alert.onset_ms, now_ms);
  return zh
    ? `自 ${from} 起系统停止接收一段时间，这段时间不计入任何人的失联`
    : `nothing was received for a while from ${from} on; that time is nobody’s silence`;
}
