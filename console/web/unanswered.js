/** What was asked of the server and came to nothing is told; nothing fails without a word. */

import { NoAnswer, Refusal } from "./api.js";
import { toast } from "./dom.js";
import { word } from "./words.js";

/** Whether the server refused or did not answer; everything else is a fault of the page. @param {unknown} error */
export function isUnanswered(error) {
  return error instanceof Refusal || error instanceof NoAnswer;
}

/** Tell of whatever nobody waits for: a click, a key, a choice. */
export function tellUnanswered() {
  addEventListener("unhandledrejection", (event) => {
    if (!isUnanswered(event.reason)) return;
    event.preventDefault();
    toast(event.reason instanceof Refusal ? word("refused", { why: event.reason.message }) : event.reason.message, "bad");
  });
}
