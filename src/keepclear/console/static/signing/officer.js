/** Who holds the key in this window, and for how long. The key lives here, and ends with the page. */

import { KeyFileError } from "./key_refusal.js";

/** @typedef {import("./key_file.js").OfficerKey} OfficerKey */

/** No key stays unlocked longer, as no session does. */
export const KEY_UNLOCKED_MAX_MS = 12 * 3_600_000;
/** Nor longer than this while nobody touches the page. */
export const KEY_IDLE_MAX_MS = 3_600_000;

export class KeyHolder {
  constructor() {
    /** @type {OfficerKey | null} */
    this.key = null;
    /** What checks and signs deeds, once a key was unlocked. @type {typeof import("./deed.js") | null} */
    this.deeds = null;
    this.unlockedMs = 0;
    this.touchedMs = 0;
    this.trials = 0;
  }

  /**
   * Unlock a key; one that was locked again meanwhile stays so, and null is returned.
   *
   * @param {string} text  of the key file
   * @param {string} passphrase
   * @param {number} wallMs  by the machine's clock, which goes on while the machine sleeps
   */
  async unlock(text, passphrase, wallMs) {
    this.lock();
    const mine = this.trials;
    // Loaded now: what signs is a tenth of our scripts, and most windows only look.
    const [{ readKeyFile, unlockKey }, deeds] = await Promise.all([import("./key_file.js"), import("./deed.js")]).catch(() => {
      throw new KeyFileError("not_loaded");
    });
    const key = await unlockKey(readKeyFile(text), passphrase);
    if (mine !== this.trials) return null;
    this.key = key;
    this.deeds = deeds;
    this.unlockedMs = this.touchedMs = wallMs;
    return key;
  }

  lock() {
    this.key = null;
    this.trials += 1;
  }

  /** @param {number} wallMs */
  touch(wallMs) {
    if (!this.isOver(wallMs)) this.touchedMs = wallMs;
  }

  /**
   * Tell whether the key must be locked now; a clock that was put back counts as much time as one put forward.
   *
   * @param {number} wallMs
   */
  isOver(wallMs) {
    return this.key !== null && (Math.abs(wallMs - this.unlockedMs) >= KEY_UNLOCKED_MAX_MS
      || Math.abs(wallMs - this.touchedMs) >= KEY_IDLE_MAX_MS);
  }
}
