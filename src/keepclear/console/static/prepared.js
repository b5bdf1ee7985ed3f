/** Messages that fit an alert: to whom, which, and what of their fields is known. What is not known stays empty. */

import { positionOf } from "./hotline.js";
import { msOf } from "./times.js";
import { aircraftOf } from "./watch.js";

/** @typedef {import("./watch_types.js").Alert} Alert */
/** @typedef {import("./watch_types.js").WatchTrack} WatchTrack */
/** @typedef {import("./watch_types.js").Prepared} Prepared */

/** As messages have them; another callsign is typed by whoever knows what it means. */
const CALL_SIGN = /^[A-Z0-9/-]{1,16}$/;
const DEGREES = 360;

/**
 * Return messages to the party concerned, the fittest first, with items whose references are to be looked up.
 *
 * @param {Alert} alert
 * @param {string} own
 * @param {(id: string) => WatchTrack | null} trackOf
 * @param {string[]} parties  to whom there is a line
 * @returns {{prepared: Prepared, items: Record<string, string>}[]}
 */
export function preparedFor(alert, own, trackOf, parties) {
  const aircraft = aircraftOf(alert).map(trackOf).filter((track) => track !== null);
  const other = aircraft.find(({ party }) => party !== own);
  if (other === undefined) return []; // what is ours is spoken of within the party
  const ours = alert.kind === "encounter" ? aircraft.find(({ party }) => party === own) : undefined;
  // whose it is may not be known: then it is asked of the only neighbour, or the officer chooses
  const to = other.party ? parties.includes(other.party) ? other.party : "" : parties.length === 1 ? parties[0] ?? "" : "";
  const sign = callSignOf(other);
  /** @type {{prepared: Prepared, items: Record<string, string>}[]} */
  const messages = [];
  const add = (/** @type {string} */ code, /** @type {Record<string, unknown>} */ fields, /** @type {Record<string, string>} */ items = {}) => {
    messages.push({ prepared: { code, to, fields }, items });
  };
  if (ours?.operation && other.operation) add("conflict_notice", {}, { ours: ours.operation, yours: other.operation });
  if (other.party && sign !== undefined) add("request_position", { call_sign: sign });
  if (!other.party && sign !== undefined) add("is_yours", { call_sign: sign });
  if (!other.party || sign === undefined) add("request_identity", { ...whereOf(other), seen_at: wholeSeconds(other.at) });
  if (ours !== undefined && callSignOf(ours) !== undefined) add("flight_parameters", flightOf(ours));
  add("unanswered_call", { ...sign === undefined ? {} : { call_sign: sign }, at: positionOf(other), since: wholeSeconds(alert.opened) });
  return messages;
}

/** @param {WatchTrack} track */
function callSignOf({ callsign }) {
  const sign = (callsign ?? "").trim().toUpperCase();
  return CALL_SIGN.test(sign) ? sign : undefined;
}

/** @param {WatchTrack} track */
function whereOf(track) {
  const { altitude_m } = track;
  return { at: positionOf(track), ...typeof altitude_m === "number" ? { height: [Math.round(altitude_m), "m", "W84"] } : {} };
}

/** @param {WatchTrack} track */
function flightOf(track) {
  const { track_deg, ground_speed_mps } = track;
  return {
    call_sign: callSignOf(track),
    ...whereOf(track),
    ...typeof track_deg === "number" ? { track: Math.round(track_deg) % DEGREES } : {},
    ...typeof ground_speed_mps === "number" ? { speed: Math.round(ground_speed_mps) } : {},
  };
}

/** @param {string} rfc3339 */
function wholeSeconds(rfc3339) {
  return Math.floor(msOf(rfc3339) / 1000) * 1000;
}
