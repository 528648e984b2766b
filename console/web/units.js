/** Times, ages and lengths as people read them; the time zone is the policy's. */

import { currentLanguage } from "./words.js";

let zone = "Asia/Shanghai";

/** @param {string} name an IANA zone; one that the browser does not know is not taken */
export function useZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
  } catch {
    console.warn(`unknown time zone ${name}`);
  }
}

/** @param {number} ms @param {Intl.DateTimeFormatOptions} options */
function parts(ms, options) {
  const made = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", ...options });
  return Object.fromEntries(made.formatToParts(ms).map((part) => [part.type, part.value]));
}

/** `10:32` @param {number} ms */
export function minuteOfDay(ms) {
  const at = parts(ms, { hour: "2-digit", minute: "2-digit" });
  return `${at.hour}:${at.minute}`;
}

/** `10:32:05` @param {number} ms */
export function timeOfDay(ms) {
  const at = parts(ms, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return `${at.hour}:${at.minute}:${at.second}`;
}

/** `07-14` @param {number} ms */
function monthDay(ms) {
  const at = parts(ms, { month: "2-digit", day: "2-digit" });
  return `${at.month}-${at.day}`;
}

/** `07-14 10:32:05` @param {number} ms */
export function moment(ms) {
  return `${monthDay(ms)} ${timeOfDay(ms)}`;
}

/** `2025-07-14 10:32:05 UTC+8` @param {number} ms */
export function fullMoment(ms) {
  const at = parts(ms, { year: "numeric", timeZoneName: "shortOffset" });
  return `${at.year}-${moment(ms)} ${at.timeZoneName.replace("GMT", "UTC")}`;
}

/** `2025-07-14T10:32`, as a field for local time has it. @param {number} ms */
export function toLocal(ms) {
  return `${parts(ms, { year: "numeric" }).year}-${monthDay(ms)}T${minuteOfDay(ms)}`;
}

/** The instant of a local time in the policy's zone. @param {string} text `2025-07-14T10:32` */
export function fromLocal(text) {
  const wall_ms = Date.parse(`${text.slice(0, 16)}Z`);
  let ms = wall_ms;
  // The zone's distance from UTC is asked where the time may be, and once more where it then is.
  for (let k = 0; k < 2; k += 1) ms += wall_ms - Date.parse(`${toLocal(ms)}Z`);
  return ms;
}

/** `10:32`, or `07-14 10:32` where that is another day than `otherMs`. @param {number} ms @param {number} otherMs */
export function shortMoment(ms, otherMs) {
  return monthDay(ms) === monthDay(otherMs) ? minuteOfDay(ms) : `${monthDay(ms)} ${minuteOfDay(ms)}`;
}

/** A span in the two largest units that say enough: `45 秒`, `130 秒`, `12 分钟`, `3 小时 5 分钟`. @param {number} ms */
export function span(ms) {
  const zh = currentLanguage() === "zh";
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 180) return zh ? `${seconds} 秒` : `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return zh ? `${minutes} 分钟` : `${minutes} min`;
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours < 48) {
    const tail = rest === 0 ? "" : zh ? ` ${rest} 分钟` : ` ${rest} min`;
    return (zh ? `${hours} 小时` : `${hours} h`) + tail;
  }
  const days = Math.floor(hours / 24);
  return zh ? `${days} 天` : `${days} days`;
}

/** `80 m`, `1.2 km`, `35 km` @param {number} metres */
export function length(metres) {
  const m = Math.abs(metres);
  if (m < 999.5) return `${Math.round(m)} m`;
  return `${(m / 1000).toFixed(m < 9950 ? 1 : 0)} km`;
}
