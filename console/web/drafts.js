/**
 * What somebody has filled in and not sent yet, kept through Esc, another click, a reload, a lease that runs out and a
 * lost link. It is kept in this tab's session only: on a shared PC nothing of it is left on the disk once the tab is
 * closed or somebody leaves. It goes when its step is taken.
 */

const PREFIX = "draft:";

export class Drafts {
  /** @param {string} who whose drafts these are: another person at the same tab sees none of them */
  constructor(who) {
    this.who = who;
    for (const key of keysOf(PREFIX)) if (!key.startsWith(this.key(""))) sessionStorage.removeItem(key);
  }

  /** @param {string} alertKey */
  key(alertKey) {
    return `${PREFIX}${JSON.stringify(this.who)}:${alertKey}`;
  }

  /** What was filled in for an alert, by form and field. @param {string} alertKey @returns {Record<string, Record<string, string>>} */
  of(alertKey) {
    try {
      return JSON.parse(sessionStorage.getItem(this.key(alertKey)) ?? "{}");
    } catch {
      return {};
    }
  }

  /** @param {string} alertKey */
  has(alertKey) {
    return sessionStorage.getItem(this.key(alertKey)) !== null;
  }

  /** @param {string} alertKey @param {string} form @param {Record<string, string>} values */
  keep(alertKey, form, values) {
    const all = { ...this.of(alertKey), [form]: values };
    if (Object.values(values).every((value) => value === "")) delete all[form];
    this.put(alertKey, all);
  }

  /** A step was taken: its form is done with. @param {string} alertKey @param {string} form */
  drop(alertKey, form) {
    const all = this.of(alertKey);
    delete all[form];
    this.put(alertKey, all);
  }

  /** Nothing more is to be said about an alert. @param {string} alertKey */
  dropAll(alertKey) {
    sessionStorage.removeItem(this.key(alertKey));
  }

  /** @param {string} alertKey @param {Record<string, Record<string, string>>} all */
  put(alertKey, all) {
    try {
      if (Object.keys(all).length === 0) this.dropAll(alertKey);
      else sessionStorage.setItem(this.key(alertKey), JSON.stringify(all));
    } catch (error) {
      console.info("a draft could not be kept", error); // the form itself is still there
    }
  }

  /**
   * Fill a form with its draft, and keep what is filled in from now on.
   * @param {HTMLFormElement} form @param {string} alertKey @param {string} name
   */
  follow(form, alertKey, name) {
    const before = this.of(alertKey)[name] ?? {};
    for (const field of form.elements) fill(field, before);
    const keep = () => this.keep(alertKey, name, valuesOf(form));
    form.addEventListener("input", keep);
    form.addEventListener("change", keep);
  }
}

/** Whoever leaves leaves nothing behind. */
export function forgetDrafts() {
  for (const key of keysOf(PREFIX)) sessionStorage.removeItem(key);
}

/** @param {string} prefix */
function keysOf(prefix) {
  return Object.keys(sessionStorage).filter((key) => key.startsWith(prefix));
}

/** @param {Element} field @param {Record<string, string>} values */
function fill(field, values) {
  if (field instanceof HTMLInputElement && field.type === "radio") {
    if (field.name in values) field.checked = values[field.name] === field.value;
  } else if (field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) {
    if (field.name in values) field.value = values[field.name];
  }
}

/** What is filled in, fields that are switched off for the moment included. @param {HTMLFormElement} form */
function valuesOf(form) {
  /** @type {Record<string, string>} */
  const values = {};
  for (const field of form.elements) {
    if (field instanceof HTMLInputElement && field.type === "radio") {
      if (field.checked) values[field.name] = field.value;
    } else if ((field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) && field.value !== "") {
      values[field.name] = field.value;
    }
  }
  return values;
}
