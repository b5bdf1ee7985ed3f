/**
 * What an officer signs: whether the node's text says what was asked, and the signature over it.
 *
 * The node writes the text (it knows how), the officer's key signs it (only that can), and between the two
 * stands this check: a node that was taken over must not have its own words signed.
 */

/** @typedef {import("./key_file.js").OfficerKey} OfficerKey */
/** @typedef {Record<string, unknown>} Fields */

const FORM = 1;
const NONCE_CHARACTERS_MAX = 64;
/** The time in a text may be off the node's time by no more than this. */
export const DEED_CLOCK_ERROR_MAX_MS = 120_000;

/**
 * Tell in which field a text says something else than was asked; null where it says just that.
 *
 * @param {string} payload  the text that would be signed
 * @param {{party: string, person: string, kind: string} & Fields} asked
 * @param {number} nowMs
 */
export function differsIn(payload, asked, nowMs) {
  const told = /** @type {Fields | null} */ (parsed(payload));
  if (told === null) return "payload"; // a name that stands twice in it is refused by whoever reads it
  const { v, t, nonce, ...rest } = told;
  if (v !== FORM) return "v";
  if (typeof t !== "number" || Math.abs(t - nowMs) > DEED_CLOCK_ERROR_MAX_MS) return "t";
  if (typeof nonce !== "string" || nonce === "" || nonce.length > NONCE_CHARACTERS_MAX) return "nonce";
  return differenceIn(rest, asked, "");
}

/** @param {string} payload */
function parsed(payload) {
  try {
    const value = JSON.parse(payload);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * @param {unknown} told
 * @param {unknown} asked
 * @param {string} path
 * @returns {string | null}
 */
function differenceIn(told, asked, path) {
  if (!isObject(told) || !isObject(asked)) return Object.is(told, asked) ? null : path;
  if (Array.isArray(told) !== Array.isArray(asked)) return path;
  for (const name of new Set([...Object.keys(told), ...Object.keys(asked)])) {
    const within = path === "" ? name : `${path}.${name}`;
    if (!Object.hasOwn(told, name) || !Object.hasOwn(asked, name)) return within;
    const found = differenceIn(told[name], asked[name], within);
    if (found !== null) return found;
  }
  return null;
}

/**
 * @param {unknown} value
 * @returns {value is Fields}
 */
function isObject(value) {
  return typeof value === "object" && value !== null;
}

/**
 * Sign a text, and return the compact JWS.
 *
 * @param {string} payload
 * @param {string} typ
 * @param {OfficerKey} key
 */
export async function signedDeed(payload, typ, { kid, sign }) {
  const input = `${encoded(`{"alg":"Ed25519","kid":"${kid}","typ":"${typ}"}`)}.${encoded(payload)}`;
  const signature = await sign(new TextEncoder().encode(input));
  return `${input}.${base64url(signature)}`;
}

/** @param {string} text */
function encoded(text) {
  return base64url(new TextEncoder().encode(text));
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
