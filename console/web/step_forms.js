/** The forms in which somebody says what is the matter with an alert and what was done about it. */

import { make } from "./dom.js";
import { chosenCase, plainCaseSelect } from "./plain_case.js";
import { coded, word } from "./words.js";

/** @typedef {import("./records.js").AlertItem} AlertItem */
/** @typedef {import("./records.js").SiteView} SiteView */
/** @typedef {(name: string, body?: object) => void} Act */

/** One of several, all in sight. @param {string} name @param {string} title @param {string[]} codes @param {string | null} chosen */
function choices(name, title, codes, chosen) {
  return make("fieldset", {}, make("legend", {}, title), ...codes.map((code) => make("label", { className: "choice" },
    make("input", { type: "radio", name, value: code, required: true, checked: code === chosen }),
    make("span", {}, coded(name, code)))));
}

/** @param {string} name @param {string} label @param {boolean} required */
function text(name, label, required) {
  return make("label", {}, label, make("textarea", { name, rows: 2, maxLength: 4000, required }));
}

/** The reasons of a false verdict, in sight only beside one. @param {SiteView} site */
function reasonChoice(site) {
  const select = make("select", { name: "reason", "aria-label": word("reason"), required: true },
    make("option", { value: "" }, word("reason_choose")),
    ...site.reasons.map((code) => make("option", { value: code }, coded("reason", code))));
  return make("label", { className: "reason" }, word("reason"), select);
}

/** Show the reasons only beside a false verdict; call it once the form is filled. @param {HTMLFormElement} form */
export function followVerdict(form) {
  const why = /** @type {HTMLElement} */ (form.querySelector(".reason"));
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem("reason"));
  const follow = () => {
    const isFalse = new FormData(form).get("verdict") === "false";
    why.hidden = select.disabled = !isFalse;
  };
  form.addEventListener("change", follow);
  follow();
}

/** @param {HTMLFormElement} form @param {(given: FormData) => void} send */
function onSend(form, send) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(new FormData(form));
  });
}

/** @param {SiteView} site @param {Act} act */
export function verdictForm(site, act) {
  const form = make("form", { name: "verify" },
    choices("verdict", word("verdict"), ["true", "false", "unverifiable"], null),
    reasonChoice(site),
    make("div", { className: "buttons" },
      make("button", { type: "submit", className: "main" }, word("verify")),
      make("button", { type: "button", className: "quiet", onclick: () => act("release") }, word("release"))));
  onSend(form, (given) => act("verify", { verdict: given.get("verdict"), reason: given.get("reason") || null }));
  return form;
}

/** Only what fits the verdict. @param {AlertItem} alert @param {SiteView} site @param {Act} act */
export function outcomeForm(alert, site, act) {
  const fitting = site.outcomes[alert.verdict ?? ""] ?? [];
  const form = make("form", { name: "dispose" },
    choices("outcome", word("outcome"), fitting, alert.verdict === "false" ? "false_alarm" : null),
    text("note", word("note"), false), make("p", { className: "hint" }, word("names_hint")),
    make("div", { className: "buttons" }, make("button", { type: "submit", className: "main" }, word("dispose"))));
  onSend(form, (given) => act("dispose", { outcome: given.get("outcome"), note: given.get("note") || null }));
  return form;
}

/** Another verdict than the one that stands. @param {AlertItem} alert @param {SiteView} site @param {Act} act */
export function correctionForm(alert, site, act) {
  const verdicts = ["true", "false", "unverifiable"].filter((verdict) => verdict !== alert.verdict || verdict === "false");
  const form = make("form", { name: "correct" },
    choices("verdict", word("correct_to"), verdicts, null),
    reasonChoice(site),
    text("because", word("because"), true),
    make("div", { className: "buttons" }, make("button", { type: "submit" }, word("correct"))));
  onSend(form, (given) => act("correct", {
    verdict: given.get("verdict"), reason: given.get("reason") || null, because: given.get("because") }));
  return form;
}

/** All that a plain case wants, in one step. @param {SiteView} site @param {Act} act */
export function plainForm(site, act) {
  const form = make("form", { name: "settle", className: "plain-case" },
    make("h3", {}, word("plain_title")),
    make("div", { className: "plain-line" }, plainCaseSelect(site, word("plain_title")),
      make("button", { type: "submit" }, word("settle"))));
  onSend(form, (given) => {
    const said = chosenCase(site, given.get("plain"));
    if (said !== undefined) act("settle", said);
  });
  return form;
}
