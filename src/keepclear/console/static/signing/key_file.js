/**
 * Unlocks an officer's key in the browser: the file is read here and sent nowhere, nor is the passphrase.
 *
 * The file is what `keepclear keys` writes: a line that names the key, then encrypted PKCS#8 in PEM. What comes
 * out is a key of WebCrypto that signs, and that no script can read.
 *
 * Source: RFC 5958, section 3; RFC 8018, section 6.2 (PBES2); RFC 7914, section 7 (scrypt); RFC 8410, section 7.
 */

import { scryptAsync } from "../vendor/scrypt.js";
import { DerError, DerReader, hexOf, OCTETS } from "./der.js";
import { KEY_FILE_BYTES_MAX, KeyFileError } from "./key_refusal.js";

/** The longest passphrase, bytes of UTF-8. */
export const PASSPHRASE_BYTES_MAX = 1_000;
/** No file may have the browser take more memory than this for a guess, bytes. */
export const SCRYPT_BYTES_MAX = 128 * 1024 * 1024;
/** Nor repeat it more often. */
export const SCRYPT_REPETITIONS_MAX = 32;

const NAMED = /^kid ([0-9a-f]{16})\n/;
const LOCKED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END ENCRYPTED PRIVATE KEY-----\n?$/;
const OPEN = "-----BEGIN PRIVATE KEY-----";
const PBES2 = "2a864886f70d01050d";
const SCRYPT = "2b06010401da47040b";
const AES_256_CBC = "60864801650304012a";
/** PKCS#8 of an Ed25519 key, up to the 32 bytes of the key itself. */
const ED25519_HEAD = "302e020100300506032b657004220420";
const SEED_BYTES = 32;
const KID_CHARACTERS = 16;
const KEY_BYTES = 32;

/** @typedef {{kid: string, salt: BufferSource & Uint8Array, N: number, r: number, p: number, start: Uint8Array<ArrayBuffer>, secret: Uint8Array<ArrayBuffer>}} LockedKey */
/** @typedef {{kid: string, sign: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>}} OfficerKey */

/**
 * Take a key file apart.
 *
 * @param {string} text
 * @returns {LockedKey}
 */
export function readKeyFile(text) {
  const lines = text.replaceAll("\r\n", "\n"); // some tools that copy text write it so
  const named = NAMED.exec(lines);
  if (lines.length > KEY_FILE_BYTES_MAX || named?.[1] === undefined) throw new KeyFileError("no_key_file");
  const pem = lines.slice(named[0].length);
  if (pem.includes(OPEN)) throw new KeyFileError("not_locked");
  const locked = LOCKED.exec(pem);
  if (locked?.[1] === undefined) throw new KeyFileError("damaged");
  try {
    return { kid: named[1], ...partsOf(bytesOfBase64(locked[1].replaceAll("\n", ""))) };
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    throw new KeyFileError("damaged");
  }
}

/** @param {Uint8Array<ArrayBuffer>} der */
function partsOf(der) {
  const whole = new DerReader(der);
  const outer = whole.sequence();
  whole.end();
  const scheme = outer.sequence();
  const secret = copyOf(outer.take(OCTETS));
  outer.end();
  scheme.expectOid(PBES2);
  const parameters = scheme.sequence();
  scheme.end();
  const derivation = parameters.sequence();
  const encryption = parameters.sequence();
  parameters.end();
  derivation.expectOid(SCRYPT);
  const costs = derivation.sequence();
  derivation.end();
  const salt = copyOf(costs.take(OCTETS));
  const [N, r, p] = [costs.number(), costs.number(), costs.number()];
  if (costs.at < costs.bytes.length && costs.number() !== KEY_BYTES) throw new DerError("another length of key is named");
  costs.end();
  encryption.expectOid(AES_256_CBC);
  const start = copyOf(encryption.take(OCTETS));
  encryption.end();
  if (N < 2 || (N & (N - 1)) !== 0 || r < 1 || p < 1) throw new DerError("such costs cannot be");
  if (128 * r * N > SCRYPT_BYTES_MAX || p > SCRYPT_REPETITIONS_MAX) throw new KeyFileError("too_costly");
  if (start.length !== 16) throw new DerError("the start has another length");
  return { salt, N, r, p, start, secret };
}

/**
 * Unlock a key.
 *
 * @param {LockedKey} locked
 * @param {string} passphrase
 * @returns {Promise<OfficerKey>}
 */
export async function unlockKey(locked, passphrase) {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) throw new KeyFileError("not_secure");
  const password = new TextEncoder().encode(passphrase.normalize("NFC"));
  if (password.length > PASSPHRASE_BYTES_MAX) throw new KeyFileError("wrong");
  const { kid, salt, N, r, p, start, secret } = locked;
  const derived = await scryptAsync(password, salt, { N, r, p, dkLen: KEY_BYTES, maxmem: 2 * SCRYPT_BYTES_MAX });
  const cipher = await subtle.importKey("raw", derived, "AES-CBC", false, ["decrypt"]);
  const opened = await subtle.decrypt({ name: "AES-CBC", iv: start }, cipher, secret).catch(() => null);
  const plain = new Uint8Array(opened ?? new ArrayBuffer(0));
  try {
    if (plain.length !== ED25519_HEAD.length / 2 + SEED_BYTES || hexOf(plain.subarray(0, -SEED_BYTES)) !== ED25519_HEAD) {
      throw new KeyFileError("wrong");
    }
    if (await kidOf(subtle, plain) !== kid) throw new KeyFileError("damaged");
    const key = await subtle.importKey("pkcs8", plain, "Ed25519", false, ["sign"]);
    return { kid, sign: async (bytes) => new Uint8Array(await subtle.sign("Ed25519", key, bytes)) };
  } finally {
    for (const each of [plain, derived, password]) each.fill(0); // copies in the browser's own memory may stay
  }
}

/**
 * Return the name of a key: it is made from the public key, which only an export tells.
 *
 * @param {SubtleCrypto} subtle
 * @param {Uint8Array<ArrayBuffer>} plain
 */
async function kidOf(subtle, plain) {
  const readable = await subtle.importKey("pkcs8", plain, "Ed25519", true, ["sign"]).catch((error) => {
    throw error.name === "NotSupportedError" ? new KeyFileError("no_ed25519") : new KeyFileError("damaged");
  });
  const { x = "" } = await subtle.exportKey("jwk", readable);
  const digest = await subtle.digest("SHA-256", bytesOfBase64(x.replaceAll("-", "+").replaceAll("_", "/")));
  return hexOf(new Uint8Array(digest)).slice(0, KID_CHARACTERS);
}

/** @param {string} text */
function bytesOfBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/**
 * @param {Uint8Array} bytes
 * @returns {Uint8Array<ArrayBuffer>}
 */
function copyOf(bytes) {
  return new Uint8Array(bytes);
}
