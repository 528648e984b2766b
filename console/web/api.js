/** The server, asked with the token; its refusals as errors that say what stands in the way. */

import { purposeHeader } from "./purpose.js";
import { word } from "./words.js";

/** A refusal: the status, the sentence and, for a 409, how the alert stands. */
export class Refusal extends Error {
  /** @param {number} status @param {any} body */
  constructor(status, body) {
    const detail = typeof body?.detail === "string" ? body.detail : (body?.detail?.[0]?.msg ?? `HTTP ${status}`);
    super(detail);
    this.status = status;
    /** @type {string | null} */
    this.state = body?.state ?? null;
    /** @type {string | null} */
    this.holder = body?.holder ?? null;
    /** What is wrong with a change of the site, one entry each. @type {{code: string, field: string, wrong: string, expected: string}[]} */
    this.faults = body?.faults ?? [];
  }
}

/** The server was not reached, or took too long. */
export class NoAnswer extends Error {
  /** @param {unknown} cause */
  constructor(cause) {
    super(word("no_answer"), { cause });
  }
}

/** @param {unknown} cause @returns {never} */
function noAnswer(cause) {
  throw new NoAnswer(cause);
}

/** How long an answer may take before the link counts as lost. */
const PATIENCE_MS = 10_000;
/** A stream says something every 15 s; one that has been quiet for longer is dead. */
const QUIET_MS = 40_000;

export class Api {
  /** @param {string} token */
  constructor(token) {
    this.token = token;
  }

  /** @param {string} path @param {RequestInit} options */
  async ask(path, options = {}) {
    const headers = { ...options.headers, ...purposeHeader(), Authorization: `Bearer ${this.token}` };
    const signal = options.signal ?? AbortSignal.timeout(PATIENCE_MS);
    const answer = await fetch(path, { cache: "no-store", ...options, headers, signal }).catch(noAnswer);
    if (!answer.ok) throw new Refusal(answer.status, await answer.json().catch(() => null));
    return answer;
  }

  /** @param {string} path @param {RequestInit} options @returns {Promise<any>} */
  async read(path, options = {}) {
    return (await this.ask(path, options)).json().catch(noAnswer);
  }

  /** @param {string} path @param {object} [body] @returns {Promise<any>} */
  async send(path, body) {
    const options = body === undefined
      ? { method: "POST" }
      : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    return this.read(path, options);
  }

  /**
   * A change of one row of the site, where it stands as it was seen.
   * @param {"PUT" | "DELETE"} method @param {string} path @param {number | null} record null: there is none yet @param {object} [body]
   */
  async change(method, path, record, body) {
    /** @type {Record<string, string>} */
    const headers = record === null ? { "If-None-Match": "*" } : { "If-Match": `"${record}"` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    return this.read(path, { method, headers, body: body && JSON.stringify(body) });
  }

  /**
   * Server-sent events until the server or `signal` ends them, or they fall silent. An EventSource could not bear
   * the token.
   * @param {string} path
   * @param {string | null} lastId
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<{event: string, id: string | null, data: string}>}
   */
  async *events(path, lastId, signal) {
    /** @type {Record<string, string>} */
    const headers = { Accept: "text/event-stream" };
    if (lastId !== null) headers["Last-Event-ID"] = lastId;
    const silence = new AbortController();
    const answer = await this.ask(path, { headers, signal: AbortSignal.any([signal, silence.signal]) });
    if (answer.body === null) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = "";
    for (;;) {
      const timer = setTimeout(() => silence.abort(), QUIET_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(timer));
      if (done) return;
      // A lone CR at the end may be half of a CRLF: it waits for what follows.
      const text = waiting + value;
      const blocks = text.replaceAll("\r\n", "\n").split("\n\n");
      waiting = blocks.pop() ?? "";
      for (const block of blocks) yield eventOf(block);
    }
  }
}

/** @param {string} block the lines of one event; a comment alone has neither data nor id */
function eventOf(block) {
  const found = { event: "message", id: /** @type {string | null} */ (null), data: "" };
  const data = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") found.event = value;
    else if (field === "id") found.id = value;
    else if (field === "data") data.push(value);
    else if (field === "") found.event = "comment";
  }
  found.data = data.join("\n");
  return found;
}
