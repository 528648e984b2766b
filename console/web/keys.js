/** The keyboard: from the board to the person on the map without a mouse, and the list of what each key does. */

import { make } from "./dom.js";
import { word } from "./words.js";

/** Every key with the word for what it does; the help shows this list and no other. */
export const KEYS = [["↑ ↓", "key_move"], ["Enter", "key_open"], ["m", "key_map"], ["p", "key_person"], ["x", "key_pick"],
  ["/", "key_search"], ["Esc", "key_close"], ["?", "key_help"]];

/** @typedef {{onMap: () => void, onPerson: () => void, onPick: () => void, onSearch: () => void, onClose: () => void}} Doing */

/** @param {Doing} doing */
export function listenToKeys(doing) {
  /** @type {Record<string, () => void>} */
  const deeds = { m: doing.onMap, p: doing.onPerson, x: doing.onPick, "/": doing.onSearch, "?": showHelp };
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") !== null) return; // it closes by itself
    if (event.key === "Escape") doing.onClose();
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    const deed = deeds[event.key];
    if (deed === undefined) return;
    event.preventDefault();
    deed();
  });
}

/** Whether a letter belongs into a field. @param {EventTarget | null} target */
function isWriting(target) {
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "range", "button"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

export function showHelp() {
  const dialog = make("dialog", { className: "settling help", "aria-label": word("keys_title") },
    make("form", { method: "dialog" }, make("h2", {}, word("keys_title")),
      make("dl", {}, ...KEYS.flatMap(([key, name]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, word(name))])),
      make("div", { className: "buttons" }, make("button", { type: "submit", className: "main" }, word("understood")))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
