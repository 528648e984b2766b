/** An alarm for urgent alerts that nobody has taken up; it goes on in a tab that nobody sees. */

import { find } from "./dom.js";
import { tellTitle } from "./title.js";
import { isUnanswered } from "./unanswered.js";
import { word } from "./words.js";

const MUTED_UNTIL = "muted-until";
const MUTE_MS = 15 * 60_000;
/** While something urgent waits, the alarm is heard again so often. Hidden tabs are woken once a minute at most. */
const REMIND_MS = 60_000;
/** A question that was not answered is asked again so much later. */
const RETRY_MS = 1000;
const MOST = 100;
const STATES = ["on", "muted", "blocked"];
/** Three tones: seconds from now, hertz. */
const TONES = [[0, 880], [0.22, 660], [0.44, 880]];
const TONE_S = 0.18;

export class Alarm {
  /** @param {import("./api.js").Api} api @param {boolean} isHeard whoever only looks hears nothing, and reads it in the title */
  constructor(api, isHeard) {
    this.api = api;
    this.isHeard = isHeard;
    /** @type {Set<string>} the urgent alerts that wait, as last read */
    this.waiting = new Set();
    this.sounds = new AudioContext();
    this.isLooking = false;
    this.isAskedAgain = false;
    /** An alarm came while the browser did not let us be heard. */
    this.isOwed = false;
    this.button = find("sound");
    this.button.hidden = !isHeard;
    this.button.addEventListener("click", () => this.press());
    /** The press that is under way began while the browser did not let us be heard. */
    this.beganBlocked = false;
    for (const gesture of ["pointerdown", "keydown"]) {
      this.button.addEventListener(gesture, () => { this.beganBlocked = this.isBlocked; });
    }
    this.sounds.addEventListener("statechange", () => this.heardAgain());
    // Browsers let a page be heard only after somebody has touched it.
    for (const gesture of ["pointerdown", "keydown"]) document.addEventListener(gesture, () => this.sounds.resume());
    addEventListener("storage", (event) => { if (event.key === MUTED_UNTIL) this.draw(); });
    setInterval(() => this.draw(), 1000);
    setInterval(() => this.remind(), REMIND_MS);
    this.draw();
  }

  /** Milliseconds for which it is still muted, in this browser; a stored time that cannot be is none. */
  get muted_ms() {
    const left = Number(localStorage.getItem(MUTED_UNTIL)) - Date.now();
    return left > 0 && left <= MUTE_MS ? left : 0;
  }

  /** The browser does not let us be heard yet. */
  get isBlocked() {
    return this.sounds.state !== "running";
  }

  /** Something happened to alerts: read what is urgent and waits, and sound for what is new. */
  async look() {
    if (this.isLooking) {
      this.isAskedAgain = true;
      return;
    }
    this.isLooking = true;
    try {
      do {
        this.isAskedAgain = false;
        const before = this.waiting;
        await this.readOrLater();
        if ([...this.waiting].some((key) => !before.has(key))) this.ring();
      } while (this.isAskedAgain);
    } finally {
      this.isLooking = false;
    }
  }

  /** Where no answer comes, what is urgent must not wait for the next thing to happen. */
  async readOrLater() {
    try {
      await this.read();
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      setTimeout(() => this.look(), RETRY_MS);
    }
  }

  async read() {
    const query = "state=open&severity=1&withdrawn=false&evidence=false&order=newest";
    const page = await this.api.read(`/v1/alerts?${query}&limit=${MOST}`);
    this.waiting = new Set(page.items.map((/** @type {any} */ item) => item.alert_key));
    tellTitle({ urgent: this.waiting.size });
  }

  /** What still waits is heard again; a claim that ran out waits again, of which nobody is told. */
  async remind() {
    const before = this.waiting;
    await this.look();
    if ([...this.waiting].some((key) => before.has(key))) this.ring();
  }

  /** The browser lets us be heard: what was to be heard meanwhile is. */
  heardAgain() {
    if (!this.isBlocked && this.isOwed && this.waiting.size > 0) this.ring();
    this.draw();
  }

  ring() {
    this.isOwed = this.isBlocked;
    if (!this.isHeard || this.muted_ms > 0 || this.isBlocked) return;
    for (const [after, hertz] of TONES) {
      const tone = new OscillatorNode(this.sounds, { frequency: hertz, type: "triangle" });
      const loudness = new GainNode(this.sounds, { gain: 0 });
      const start = this.sounds.currentTime + after;
      // A tone that begins and ends at once would crackle.
      loudness.gain.setValueAtTime(0, start);
      loudness.gain.linearRampToValueAtTime(0.5, start + 0.02);
      loudness.gain.linearRampToValueAtTime(0, start + TONE_S);
      tone.connect(loudness).connect(this.sounds.destination);
      tone.start(start);
      tone.stop(start + TONE_S);
    }
  }

  /** The button: let it be heard, mute it for a while, or end that. */
  async press() {
    const wasBlocked = this.beganBlocked || this.isBlocked; // its first touch alone may have let us be heard by now
    this.beganBlocked = false;
    await this.sounds.resume();
    if (wasBlocked) return; // now it is heard
    if (this.muted_ms > 0) localStorage.removeItem(MUTED_UNTIL);
    else localStorage.setItem(MUTED_UNTIL, String(Date.now() + MUTE_MS));
    this.draw();
  }

  draw() {
    const minutes = Math.ceil(this.muted_ms / 60_000);
    const state = this.isBlocked ? "blocked" : minutes > 0 ? "muted" : "on";
    const text = word(`sound_${state}`, { minutes });
    if (this.button.textContent === text) return;
    // The first touch changes the text; a button beside it that moved under the finger would not be pressed.
    const texts = STATES.map((one) => word(`sound_${one}`, { minutes: MUTE_MS / 60_000 }));
    this.button.dataset.widest = texts.reduce((widest, one) => (one.length > widest.length ? one : widest));
    this.button.textContent = text;
    this.button.title = word(`sound_${state}_hint`);
    this.button.dataset.sound = state;
  }
}
