/** What the console asks of items: their span of time and height, where they are, what may follow. */

import { circleRing, corridorRing, geodesicRing } from "./geodesy.js";
import { msOf } from "./times.js";

/** @typedef {import("./types.js").Item} Item */
/** @typedef {import("./types.js").Volume} Volume */
/** @typedef {import("./types.js").Finding} Finding */
/** @typedef {import("./types.js").ItemState} ItemState */

/**
 * Which events a state allows: the table of keepclear.core.intents, which the node goes by.
 * @type {Record<ItemState, readonly string[]>}
 */
export const EVENTS = {
  Accepted: ["activate", "leave volumes", "declare contingency", "end"],
  Activated: ["leave volumes", "declare contingency", "end"],
  Nonconforming: ["return", "declare contingency", "end"],
  Contingent: ["end"],
  Ended: [],
};

/** @param {Volume} volume */
export function lowerOf({ volume }) {
  return volume.altitude_lower?.value ?? null;
}

/** @param {Volume} volume */
export function upperOf({ volume }) {
  return volume.altitude_upper?.value ?? null;
}

/** @type {WeakMap<Item, {startMs: number, endMs: number}>} */
const spans = new WeakMap(); // lists and axes ask again and again, and an item never changes

/**
 * Return from when to when any volume of an item is used.
 *
 * @param {Item} item
 */
export function spanOf(item) {
  let span = spans.get(item);
  if (span === undefined) {
    span = unionOf(item.volumes);
    spans.set(item, span);
  }
  return span;
}

/** @param {Volume[]} volumes */
function unionOf(volumes) {
  let startMs = Infinity;
  let endMs = -Infinity;
  for (const volume of volumes) {
    startMs = Math.min(startMs, msOf(volume.time_start.value));
    endMs = Math.max(endMs, msOf(volume.time_end.value));
  }
  return { startMs, endMs };
}

/**
 * Return the lowest and the highest bound of all volumes; null is without bound.
 *
 * @param {Item} item
 */
export function bandOf({ volumes }) {
  const lowers = volumes.map(lowerOf);
  const uppers = volumes.map(upperOf);
  return {
    lower_m: lowers.includes(null) ? null : Math.min(.../** @type {number[]} */ (lowers)),
    upper_m: uppers.includes(null) ? null : Math.max(.../** @type {number[]} */ (uppers)),
  };
}

/**
 * Return the outline of a volume as a ring of places, its longitudes without a jump.
 *
 * @param {Volume} volume
 */
export function ringOf({ volume }) {
  const { outline_polygon: polygon, outline_circle: circle, outline_corridor: corridor } = volume;
  if (polygon !== undefined) return geodesicRing(polygon.vertices);
  if (circle !== undefined) return circleRing(circle.center, circle.radius.value);
  if (corridor !== undefined) return corridorRing(corridor.start, corridor.end, corridor.half_width_m);
  return [];
}

/** @param {Item} item */
export function isZone({ kind }) {
  return kind === "constraint";
}

/**
 * Name the kind of an item as the catalogues do.
 *
 * @param {{kind: string, rule?: string}} item
 */
export function kindKey({ kind, rule }) {
  return kind === "constraint" ? `kind.${rule ?? "constraint"}` : "kind.operational_intent";
}

/**
 * Name a finding, the same as long as the same two items meet with the same verdict.
 *
 * @param {Finding} finding
 */
export function keyOf({ verdict, a, b }) {
  return `${verdict}|${a.id}|${b.id}`;
}

/**
 * Return from when to when the two volumes of a finding are both used; null if an item is not held.
 *
 * The witness tells one instant; people ask from when.
 *
 * @param {Finding} finding
 * @param {(id: string) => Item | undefined} itemOf
 */
export function windowOf({ a, b, volume_pairs }, itemOf) {
  const one = itemOf(a.id);
  const two = itemOf(b.id);
  if (one === undefined || two === undefined) return null;
  let startMs = Infinity;
  let endMs = -Infinity;
  for (const [k, m] of volume_pairs) {
    const first = one.volumes[k];
    const second = two.volumes[m];
    if (first === undefined || second === undefined) return null; // an older version is held
    const from = Math.max(msOf(first.time_start.value), msOf(second.time_start.value));
    const to = Math.min(msOf(first.time_end.value), msOf(second.time_end.value));
    if (to < from) continue; // they meet only within a buffer of time
    startMs = Math.min(startMs, from);
    endMs = Math.max(endMs, to);
  }
  return startMs <= endMs ? { startMs, endMs } : null;
}
