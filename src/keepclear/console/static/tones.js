/**
 * Tones that call somebody to the page, made in the browser: no file is played. Each priority has its own, so that
 * distress is told from safety without looking.
 *
 * A browser lets a page sound only after somebody has touched it, so that until then the page says so.
 */

/** @typedef {import("./hotline_types.js").Priority} Priority */

/**
 * For each priority: the notes in turn (hertz), how long each is, and after how long all is repeated; null for not.
 *
 * @type {Record<Priority, {notes: number[], note_ms: number, every_ms: number | null}>}
 */
const PLAYED = {
  distress: { notes: [880, 660, 880, 660, 880, 660], note_ms: 180, every_ms: 4_000 },
  safety: { notes: [740, 740], note_ms: 160, every_ms: 12_000 },
  routine: { notes: [520], note_ms: 140, every_ms: null },
};
const LOUDNESS = 0.25;
const RAMP_S = 0.015;

export class Tones {
  /** @param {() => void} onAllowed  sound can be heard from now on */
  constructor(onAllowed) {
    this.onAllowed = onAllowed;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {Priority | null} */
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
   * @param {Priority | null} priority
   * @param {number} nowMs
   */
  call(priority, nowMs) {
    const every_ms = priority === null ? null : PLAYED[priority].every_ms;
    const isNew = priority !== this.last;
    this.last = priority;
    if (priority === null || !(isNew || (every_ms !== null && nowMs - this.playedMs >= every_ms))) return;
    this.playedMs = nowMs;
    this.play(priority);
  }

  /** Let the next tone that is due sound at once, though the one before was alike. */
  callAnew() {
    this.last = null;
  }

  /** @param {Priority} priority */
  play(priority) {
    const { context } = this;
    if (context?.state !== "running") return;
    const { notes, note_ms } = PLAYED[priority];
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
