/**
 * Instants: milliseconds inside, RFC 3339 on the wire, UTC in every text.
 *
 * Texts are written by hand and not by `Intl`, so that they are alike in every language and always
 * in Western digits.
 */

/** @param {string} rfc3339 */
export function msOf(rfc3339) {
  return Date.parse(rfc3339);
}

/**
 * Write an instant for the API, to the millisecond.
 *
 * @param {number} ms
 * @returns {import("./types.js").Time}
 */
export function wireTime(ms) {
  return { value: new Date(Math.round(ms)).toISOString(), format: "RFC3339" };
}

/**
 * Write the time of day: 10:42:05Z, with the seconds only where asked for or not zero.
 *
 * @param {number} ms
 * @param {{seconds?: boolean}} [options]
 */
export function clockText(ms, { seconds = false } = {}) {
  const text = new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(11, 19);
  return `${seconds || !text.endsWith(":00") ? text : text.slice(0, 5)}Z`;
}

/** @param {number} ms */
export function dayText(ms) {
  return new Date(ms).toISOString().slice(0, 10);
}

/**
 * Write an instant, with the day where it is not the day of the other instant.
 *
 * @param {number} ms
 * @param {number} todayMs
 */
export function instantText(ms, todayMs) {
  return dayText(ms) === dayText(todayMs) ? clockText(ms) : `${dayText(ms)} ${clockText(ms)}`;
}

/**
 * Write an instant for a text field: 2026-05-01 10:42:00.
 *
 * @param {number} ms
 */
export function fieldText(ms) {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

const FIELD = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,3})?)?Z?$/;

/**
 * Read what `fieldText` writes, with or without the seconds; null where it is no instant.
 *
 * @param {string} text
 * @returns {number | null}
 */
export function msOfField(text) {
  const match = FIELD.exec(text.trim());
  if (match === null) return null;
  const ms = Date.parse(`${match[1]}T${match[2]}${match[3] ?? ":00"}Z`);
  // Date.parse takes the 31st of June for the 1st of July
  return Number.isNaN(ms) || dayText(ms) !== match[1] ? null : ms;
}
