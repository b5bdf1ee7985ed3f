/** What a replay asks of what is recorded: the next moment, and the items as they were known then. */

import { msOf } from "./times.js";

/** @typedef {import("./types.js").Item} Item */
/** @typedef {import("./watch_types.js").Moment} Moment */
/** @typedef {import("./watch_types.js").Span} Span */

/**
 * Return the moment after one, over a gap to where the recording goes on; null at its end.
 *
 * @param {number} atMs
 * @param {number} stepMs
 * @param {Span[]} spans  the oldest first
 * @returns {number | null}
 */
export function nextMs(atMs, stepMs, spans) {
  const next = atMs + stepMs;
  for (const { start, end } of spans) {
    if (msOf(end) < next) continue;
    return Math.max(next, msOf(start));
  }
  return null;
}

/**
 * Return the moment nearest to one of which there is a recording; null where there is none.
 *
 * @param {number} atMs
 * @param {Span[]} spans
 * @returns {number | null}
 */
export function nearestMs(atMs, spans) {
  let nearest = null;
  for (const { start, end } of spans) {
    const here = Math.min(Math.max(atMs, msOf(start)), msOf(end));
    if (nearest === null || Math.abs(here - atMs) < Math.abs(nearest - atMs)) nearest = here;
  }
  return nearest;
}

/**
 * Return the items of a moment by their ids; one that is as it was before stays the same object, so that its
 * outline is not computed again with every step.
 *
 * @param {Moment} moment
 * @param {Map<string, {item: Item, version: number}>} before
 * @returns {Map<string, {item: Item, version: number}>}
 */
export function itemsOf({ items }, before) {
  const found = new Map();
  for (const entry of items) {
    const item = /** @type {Item} */ (entry.item ?? entry);
    const version = Number(entry.version ?? 0);
    if (typeof item.id !== "string" || !Array.isArray(item.volumes) || entry.withdrawn === true) continue;
    const held = before.get(item.id);
    const isSame = held !== undefined && (version > 0 ? held.version === version && held.item.state === item.state : sameText(held.item, item));
    found.set(item.id, isSame ? held : { item, version });
  }
  return found;
}

/**
 * @param {Item} one
 * @param {Item} other
 */
function sameText(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}
