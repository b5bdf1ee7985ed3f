/** A draft: what is drawn or typed before it is declared, and how it becomes an item and back. */

import { continuous, normal } from "./geodesy.js";
import { lowerOf, upperOf } from "./items.js";
import { msOf, wireTime } from "./times.js";

/** @typedef {import("./types.js").Draft} Draft */
/** @typedef {import("./types.js").DraftShape} DraftShape */
/** @typedef {import("./types.js").Item} Item */
/** @typedef {import("./types.js").Volume} Volume */
/** @typedef {import("./types.js").Volume3D} Volume3D */
/** @typedef {import("./types.js").LatLng} LatLng */

const DEFAULT_LOWER_M = 100;
const DEFAULT_UPPER_M = 300;
const DEFAULT_SIZE_M = 500;
const LEAD_MS = 10 * 60_000;
const LENGTH_MS = 30 * 60_000;
/** The fewest points that a shape needs. */
export const POINTS_MIN = { polygon: 3, circle: 1, corridor: 2 };

/**
 * @param {string} id
 * @returns {Draft}
 */
export function emptyDraft(id) {
  return {
    id, kind: "operational_intent", rule: "keep_out", priority: 0, state: "Accepted", shapes: [], version: null,
    chosen: 0,
  };
}

/**
 * Return an id that is not taken: the party's name and a number.
 *
 * @param {string} party
 * @param {(id: string) => boolean} isTaken
 */
export function suggestedId(party, isTaken) {
  for (let number = 1; ; number += 1) {
    const id = `${party}/${number}`;
    if (!isTaken(id)) return id;
  }
}

/**
 * Return a shape with no points yet, with the heights and times of the one before it.
 *
 * @param {DraftShape["type"]} type
 * @param {DraftShape | undefined} before
 * @param {number} nowMs
 * @returns {DraftShape}
 */
export function newShape(type, before, nowMs) {
  const startMs = Math.ceil((nowMs + LEAD_MS) / 60_000) * 60_000;
  return {
    type,
    points: [],
    size_m: before !== undefined && before.type !== "polygon" ? before.size_m : DEFAULT_SIZE_M,
    lower_m: before === undefined ? DEFAULT_LOWER_M : before.lower_m,
    upper_m: before === undefined ? DEFAULT_UPPER_M : before.upper_m,
    startMs: before === undefined ? startMs : before.startMs,
    endMs: before === undefined ? startMs + LENGTH_MS : before.endMs,
  };
}

/**
 * Return an item as a draft that amends the version held.
 *
 * @param {Item} item
 * @param {number | null} version
 * @returns {Draft}
 */
export function draftOf(item, version) {
  return {
    id: item.id,
    kind: item.kind,
    rule: item.rule ?? "keep_out",
    priority: item.priority ?? 0,
    state: item.state ?? "Accepted",
    shapes: item.volumes.map(shapeOf),
    version,
    chosen: 0,
  };
}

/**
 * @param {Volume} volume
 * @returns {DraftShape}
 */
function shapeOf(volume) {
  const { outline_polygon: polygon, outline_circle: circle, outline_corridor: corridor } = volume.volume;
  const rest = {
    lower_m: lowerOf(volume),
    upper_m: upperOf(volume),
    startMs: msOf(volume.time_start.value),
    endMs: msOf(volume.time_end.value),
  };
  if (circle !== undefined) return { type: "circle", points: [circle.center], size_m: circle.radius.value, ...rest };
  if (corridor !== undefined) {
    return { type: "corridor", points: [corridor.start, corridor.end], size_m: corridor.half_width_m, ...rest };
  }
  return { type: "polygon", points: polygon?.vertices ?? [], size_m: DEFAULT_SIZE_M, ...rest };
}

/**
 * Return what is still missing, as keys of the catalogues; none if the draft can be sent.
 *
 * @param {Draft} draft
 * @returns {string[]}
 */
export function missingIn(draft) {
  const missing = new Set();
  if (draft.id.trim() === "") missing.add("draft.missing.id");
  if (draft.shapes.length === 0) missing.add("draft.missing.shape");
  for (const { type, points, size_m, lower_m, upper_m, startMs, endMs } of draft.shapes) {
    if (points.length < POINTS_MIN[type]) missing.add("draft.missing.points");
    if (type !== "polygon" && !(size_m > 0)) missing.add("draft.missing.size");
    if (lower_m !== null && upper_m !== null && lower_m > upper_m) missing.add("draft.missing.heights");
    if (startMs === null || endMs === null || startMs > endMs) missing.add("draft.missing.times");
  }
  return [...missing];
}

/**
 * Return the item that a draft stands for; nothing may be missing in it.
 *
 * @param {Draft} draft
 * @param {string} party
 * @returns {Item}
 */
export function itemOf(draft, party) {
  const { id, kind, rule, priority, state } = draft;
  const own = kind === "constraint" ? { rule } : { state };
  return { id: id.trim(), kind, party, priority, ...own, volumes: draft.shapes.flatMap(volumesOf) };
}

/**
 * @param {DraftShape} shape
 * @returns {Volume[]}
 */
export function volumesOf(shape) {
  return outlinesOf(shape).map((outline) => ({
    volume: {
      ...outline,
      ...(shape.lower_m === null ? {} : { altitude_lower: altitude(shape.lower_m) }),
      ...(shape.upper_m === null ? {} : { altitude_upper: altitude(shape.upper_m) }),
    },
    time_start: wireTime(shape.startMs ?? 0),
    time_end: wireTime(shape.endMs ?? 0),
  }));
}

/**
 * @param {DraftShape} shape
 * @returns {Volume3D[]}
 */
function outlinesOf({ type, points, size_m }) {
  const places = points.map(normal);
  if (type === "polygon") return [{ outline_polygon: { vertices: places } }];
  if (type === "circle") {
    return places.slice(0, 1).map((center) => ({ outline_circle: { center, radius: { value: size_m, units: "M" } } }));
  }
  return places.slice(1).map((end, k) => ({
    outline_corridor: { start: /** @type {LatLng} */ (places[k]), end, half_width_m: size_m },
  }));
}

/**
 * @param {number} value
 * @returns {import("./types.js").Altitude}
 */
function altitude(value) {
  return { value, reference: "W84", units: "M" };
}

/**
 * Return a draft with one shape replaced.
 *
 * @param {Draft} draft
 * @param {number} number
 * @param {Partial<DraftShape>} change
 * @returns {Draft}
 */
export function withShape(draft, number, change) {
  return { ...draft, shapes: draft.shapes.map((shape, k) => (k === number ? { ...shape, ...change } : shape)) };
}

/**
 * Return a draft with a change to every shape.
 *
 * @param {Draft} draft
 * @param {(shape: DraftShape) => Partial<DraftShape>} change
 * @returns {Draft}
 */
export function withEveryShape(draft, change) {
  return { ...draft, shapes: draft.shapes.map((shape) => ({ ...shape, ...change(shape) })) };
}

/**
 * Return the points of a shape as the map wants them, without a jump at the antimeridian.
 *
 * @param {DraftShape} shape
 */
export function mapPoints({ points }) {
  return continuous(points);
}
