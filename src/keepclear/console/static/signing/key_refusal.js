/** Why a key file gives no key. */

/** A longer file is no key. */
export const KEY_FILE_BYTES_MAX = 16_384;

/** No key came of it; `reason` ends the key of a text: `key.refused.{reason}`. */
export class KeyFileError extends Error {
  /** @param {"no_key_file" | "not_locked" | "damaged" | "too_costly" | "wrong" | "not_secure" | "no_ed25519" | "not_loaded"} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}
