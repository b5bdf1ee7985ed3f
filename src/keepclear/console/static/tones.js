/**
 * Tones that call somebody to the page, made in the browser: no file is played. Each priority has its own, and so has
 * a warning of the watch, so that one is told from the other without looking.
 *
 * A browser lets a page sound only after somebody has touched it, so that until then the page says so.
 */

/** @typedef {import("./hotline_types.js").Priority} Priority */

/** A warning of the watch has its own tone too. @typedef {Priority | "warning"} Tone */

/**
 * For each tone: the notes in turn (hertz), how long each is, and after how long all is repeated; null for not.
 *
 * @type {Record<Tone, {notes: number[], note_ms: number, every_ms: number | null}>}
 */
const PLAYED = {
  distress: { notes: [880, 660, 880, 660, 880, 660], note_ms: 180, every_ms: 4_000 },
  warning: { notes: [587, 784, 988, 587, 784, 988], note_ms: 110, every_ms: 3_000 },
  safety: { notes: [740, 740], note_ms: 160, every_ms: 12_000 },
  routine: { notes: [520], note_ms: 140, every_ms: null },
};
const LOUDNESS = 0.25;
const RAMP_S = 0.015;
/** Where people are in distress and a warning is open, each of the two tones has its turn for so long. */
const TURN_MS = 5_000;

/**
 * Return which tone is due: a warning before all but distress, and with that in turn.
 *
 * @param {Priority | null} priority  of the hotline
 * @param {boolean} isWarned  by the watch
 * @param {number} nowMs
 * @returns {Tone | null}
 */
export function toneNow(priority, isWarned, nowMs) {
  if (!isWarned) return priority;
  return priority === "distress" && Math.floor(nowMs / TURN_MS) % 2 === 1 ? priority : "warning";
}

export class Tones {
  /** @param {() => void} onAllowed  sound can be heard from now on */
  constructor(onAllowed) {
    this.onAllowed = onAllowed;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Tone | null} */
    this.last = null;
    this.playedMs = 0;
  }

  /** Start to sound; works only while somebody touches the page. */
  async allow() {
    this.context ??= new AudioContext();
    if (this.context.state !== "running") await this.context.resume();
    this.onAllowed();
  }

  /**
   * Play the tone that is due, if it is time for it.
   *
   * @param {Tone | null} tone
   * @param {number} nowMs
   */
  call(tone, nowMs) {
    const every_ms = tone === null ? null : PLAYED[tone].every_ms;
    const isNew = tone !== this.last;
    this.last = tone;
    if (tone === null || !(isNew || (every_ms !== null && nowMs - this.playedMs >= every_ms))) return;
    this.playedMs = nowMs;
    this.play(tone);
  }

  /** Let the next tone that is due sound at once, though the one before was alike. */
  callAnew() {
    this.last = null;
  }

  /** @param {Tone} tone */
  play(tone) {
    const { context } = this;
    if (context?.state !== "running") return;
    const { notes, note_ms } = PLAYED[tone];
    notes.forEach((hertz, number) => {
      const startS = context.currentTime + (number * note_ms * 1.2) / 1000;
      const endS = startS + note_ms / 1000;
      const source = new OscillatorNode(context, { type: "triangle", frequency: hertz });
      const gain = new GainNode(context, { gain: 0 });
      // rising and falling softly: a tone that is cut off clicks
      gain.gain.setValueAtTime(0, startS);
      gain.gain.linearRampToValueAtTime(LOUDNESS, startS + RAMP_S);
      gain.gain.setValueAtTime(LOUDNESS, endS - RAMP_S);
      gain.gain.linearRampToValueAtTime(0, endS);
      source.connect(gain).connect(context.destination);
      source.start(startS);
      source.stop(endS);
    });
  }
}
