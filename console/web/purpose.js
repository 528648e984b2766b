/** What a visit is for: asked for at entry, kept for the session, told with every request and shown beside who is in. */

import { find, make } from "./dom.js";
import { word } from "./words.js";

const PURPOSE = "purpose";
const MOST = 1000;
/** Common ones, offered in the words of the language in use. */
const COMMON = ["purpose_daily", "purpose_alert", "purpose_check", "purpose_inspection"];

/** @returns {string} what was said; empty: nothing */
export function purpose() {
  return sessionStorage.getItem(PURPOSE) ?? "";
}

/** @param {string} text */
export function keepPurpose(text) {
  sessionStorage.setItem(PURPOSE, text.trim().slice(0, MOST));
}

/** As a header, which can hold nothing but Latin letters. @returns {Record<string, string>} */
export function purposeHeader() {
  const said = purpose();
  return said === "" ? {} : { "X-Purpose": encodeURIComponent(said) };
}

/** The common ones to choose from, where something is typed. */
export function offerPurposes() {
  find("purposes").replaceChildren(...COMMON.map((name) => make("option", { value: word(name) })));
}

/** Beside who is in: what for, and a way to say so. */
export function drawPurpose() {
  const said = purpose();
  const button = find("for-what");
  button.hidden = false;
  button.textContent = said === "" ? word("purpose_not_given") : said;
  button.title = word("purpose_hint");
  button.onclick = askForPurpose;
}

function askForPurpose() {
  const field = make("input", { name: PURPOSE, value: purpose(), maxLength: MOST, required: true });
  field.setAttribute("list", "purposes");
  const form = make("form", { method: "dialog" }, make("label", {}, word("purpose"), field),
    make("p", { className: "hint" }, word("purpose_hint")),
    make("button", { type: "submit", className: "main" }, word("purpose_keep")));
  const dialog = make("dialog", { id: "purpose-dialog", className: "entry" }, form);
  form.addEventListener("submit", () => {
    keepPurpose(field.value);
    drawPurpose();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
