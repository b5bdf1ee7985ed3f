/**
 * What the console asks of receipts, negotiations and links. Nothing is taken for said that was not: where
 * something is not known, or is about another version, the answer is null.
 */

import { bandOf, lowerOf, spanOf, upperOf } from "./items.js";
import { msOf } from "./times.js";

/** @typedef {import("./types.js").Coordinated} Coordinated */
/** @typedef {import("./types.js").Item} Item */
/** @typedef {import("./types.js").ItemRecord} ItemRecord */
/** @typedef {import("./types.js").ItemRef} ItemRef */
/** @typedef {import("./types.js").Negotiation} Negotiation */
/** @typedef {import("./types.js").Party} Party */

const KINDS = ["operational_intent", "constraint"];

/**
 * Return how this node calls an item that its owner calls otherwise.
 *
 * @param {ItemRef} ref
 * @param {string} own  the party of this node
 */
export function localIdOf({ party, id }, own) {
  return party === own ? id : `${party}:${id}`;
}

/**
 * Return how far a version of an item is coordinated; null where that is not known of this version.
 *
 * A change of an item begins anew: what was seen of the version before says nothing.
 *
 * @param {ItemRecord} record
 * @param {Map<string, Coordinated> | null} items
 * @param {string} own
 */
export function coordinatedOf({ item, version, at }, items, own) {
  const coordinated = items?.get(item.id);
  if (coordinated === undefined) return null;
  const { ref } = coordinated;
  const isOwnVersion = ref.party !== own || ref.version === version; // of others this node may count higher
  return isOwnVersion && msOf(coordinated.stated_at) === msOf(at) ? coordinated : null;
}

/**
 * Return the items of others that concern a party and that no officer of it has acknowledged.
 *
 * @param {Map<string, Coordinated> | null} items
 * @param {string} own
 */
export function unacknowledged(items, own) {
  return [...items?.values() ?? []].filter(({ state, receipts }) => state !== "over"
    && receipts.some(({ party, concerned, seen }) => party === own && concerned && seen === null));
}

/**
 * Return what was proposed for a conflict of two items, what waits for an answer first.
 *
 * @param {Negotiation[]} negotiations
 * @param {string} one
 * @param {string} two
 * @param {string} own
 */
export function negotiationsOver(negotiations, one, two, own) {
  const rank = (/** @type {Negotiation} */ { state }) => Number(state !== "proposed") + Number(state !== "accepted");
  return negotiations
    .filter(({ conflict }) => conflict.map((ref) => localIdOf(ref, own)).sort().join() === [one, two].sort().join())
    .sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}

/**
 * Return the parties whose link is not up, and those whose log is frozen.
 *
 * @param {Party[] | null} parties
 */
export function troubles(parties) {
  const all = parties ?? [];
  return {
    unheard: all.filter(({ link }) => link !== null && (link.state !== "up" || link.switched_off)),
    frozen: all.filter(({ log }) => log !== null && log.frozen !== null),
  };
}

/**
 * Return an item that another party wrote, under the id that it has here; null where it cannot be drawn.
 *
 * @param {unknown} becomes
 * @param {ItemRef} ref
 * @param {string} own
 * @returns {Item | null}
 */
export function drawable(becomes, ref, own) {
  const item = /** @type {Item} */ (becomes);
  try {
    const isWhole = KINDS.includes(item.kind) && item.volumes.length > 0 && item.volumes.every(isDrawable);
    return isWhole ? { ...item, id: localIdOf(ref, own), party: ref.party } : null;
  } catch {
    return null; // a field that a drawing needs is missing
  }
}

/** @param {import("./types.js").Volume} volume */
function isDrawable(volume) {
  const { outline_polygon: polygon, outline_circle: circle, outline_corridor: corridor } = volume.volume;
  const points = polygon?.vertices ?? (circle === undefined ? [corridor?.start, corridor?.end] : [circle.center]);
  const numbers = points.flatMap((point) => [point?.lat, point?.lng]);
  if (circle !== undefined) numbers.push(circle.radius.value);
  if (corridor !== undefined) numbers.push(corridor.half_width_m);
  const bounds = [lowerOf(volume), upperOf(volume)].filter((bound) => bound !== null);
  const times = [msOf(volume.time_start.value), msOf(volume.time_end.value)];
  return points.length > 0 && [...numbers, ...bounds, ...times].every((number) => Number.isFinite(number));
}

/**
 * Return what is other in an item than before: by how much it is later and higher, where all of it is,
 * and whether outlines differ. Null is more than one number can tell.
 *
 * @param {Item} before
 * @param {Item} after
 */
export function differenceOf(before, after) {
  const [was, is] = [spanOf(before), spanOf(after)];
  const [low, high] = [bandOf(before), bandOf(after)];
  const outlines = (/** @type {Item} */ { volumes }) => JSON.stringify(volumes.map(({ volume }) =>
    [volume.outline_polygon, volume.outline_circle, volume.outline_corridor]));
  return {
    time_shift_s: same((is.startMs - was.startMs) / 1000, (is.endMs - was.endMs) / 1000),
    altitude_shift_m: same(gap(high.lower_m, low.lower_m), gap(high.upper_m, low.upper_m)),
    isElsewhere: outlines(before) !== outlines(after),
  };
}

/**
 * @param {number | null} after
 * @param {number | null} before
 */
function gap(after, before) {
  if (after === null || before === null) return after === before ? 0 : NaN;
  return after - before;
}

/**
 * @param {number} one
 * @param {number} two
 */
function same(one, two) {
  return Math.abs(one - two) < 1e-6 ? one : null;
}
