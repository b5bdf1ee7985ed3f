/**
 * Reads DER as strictly as a key file needs it: one tag after the other, lengths in the shortest form, nothing
 * left over.
 *
 * Source: ITU-T X.690, sections 8.1 and 10.1.
 */

export const SEQUENCE = 0x30;
export const OCTETS = 0x04;
export const OID = 0x06;
export const INTEGER = 0x02;

/** What was read is not what it should be. */
export class DerError extends Error {}

export class DerReader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  /**
   * Return the content of the next value, which must have this tag.
   *
   * @param {number} tag
   */
  take(tag) {
    if (this.byte() !== tag) throw new DerError(`tag ${tag} is missing`);
    const length = this.length();
    if (length > this.bytes.length - this.at) throw new DerError("it is cut off");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Return a reader of the next sequence. */
  sequence() {
    return new DerReader(this.take(SEQUENCE));
  }

  /** Return the next integer, which must be small and not negative. */
  number() {
    const content = this.take(INTEGER);
    const [first = 0x80, second = 0x80] = content;
    if (first >= 0x80 || content.length > 4 || (first === 0 && content.length > 1 && second < 0x80)) {
      throw new DerError("no such number is expected");
    }
    return content.reduce((number, byte) => number * 256 + byte, 0);
  }

  /**
   * Fail unless the next value is this object identifier.
   *
   * @param {string} hex
   */
  expectOid(hex) {
    if (hexOf(this.take(OID)) !== hex) throw new DerError("another algorithm is named");
  }

  end() {
    if (this.at !== this.bytes.length) throw new DerError("something follows");
  }

  length() {
    const first = this.byte();
    if (first < 0x80) return first;
    if (first !== 0x81 && first !== 0x82) throw new DerError("a length is out of range");
    const length = first === 0x81 ? this.byte() : this.byte() * 256 + this.byte();
    if (length < (first === 0x81 ? 0x80 : 0x100)) throw new DerError("a length is not in its shortest form");
    return length;
  }

  byte() {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new DerError("it is cut off");
    this.at += 1;
    return byte;
  }
}

/** @param {Uint8Array} bytes */
export function hexOf(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
