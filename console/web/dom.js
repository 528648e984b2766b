/** Making elements without a framework: text goes in as text, never as markup. */

/**
 * An element with properties and children. A property beginning with `on` is a listener, one with a dash an
 * attribute, `data` a record of data attributes; everything else is set on the element. Absent children are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} properties
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else /** @type {any} */ (element)[name] = value;
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/**
 * An element that is in the page; its absence is a broken page.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function find(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (element);
}

/**
 * Show or hide an element with a text; an empty text hides it.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = text === "";
}

/**
 * A sentence that comes up at the edge in place of the one before, and goes by itself.
 * @param {string} text
 * @param {"good" | "bad"} mood
 */
export function toast(text, mood = "good") {
  const note = make("p", { className: `toast ${mood}` }, text);
  find("toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 6000);
}
