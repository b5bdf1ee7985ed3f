/**
 * The outlines of what is held, projected once and kept until the item changes.
 *
 * A thousand volumes take some tens of milliseconds to project, so that it is done in slices with
 * pauses for the page between them.
 */

import { msOf } from "../times.js";
import { isZone, ringOf } from "../items.js";

/** What is held: of records only the item counts. @typedef {{item: Item}} ItemRecord */
/** @typedef {import("../types.js").Item} Item */

/**
 * @typedef {object} Shape
 * @property {Float64Array} ring  x and y in turn, projected metres, all rings in the same sense
 * @property {[number, number, number, number]} box
 * @property {number} startMs
 * @property {number} endMs
 * @property {[number, number]} inside  a point for a mark
 */

/** @typedef {{item: Item, isZone: boolean, shapes: Shape[], box: [number, number, number, number]}} Shaped */

const SLICE_MS = 6;

/**
 * Project all volumes of an item.
 *
 * @param {Item} item
 * @returns {Shaped}
 */
export function shapedItem(item) {
  const shapes = item.volumes.map(shapeOf);
  /** @type {[number, number, number, number]} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const shape of shapes) ol.extent.extend(box, shape.box);
  return { item, isZone: isZone(item), shapes, box };
}

/**
 * @param {import("../types.js").Volume} volume
 * @returns {Shape}
 */
function shapeOf(volume) {
  const places = ringOf(volume);
  const ring = new Float64Array(2 * places.length);
  /** @type {[number, number, number, number]} */
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  places.forEach(({ lat, lng }, k) => {
    const point = /** @type {[number, number]} */ (ol.proj.fromLonLat([lng, lat]));
    ring.set(point, 2 * k);
    ol.extent.extend(box, [point[0], point[1], point[0], point[1]]);
  });
  alignSense(ring);
  return {
    ring,
    box,
    startMs: msOf(volume.time_start.value),
    endMs: msOf(volume.time_end.value),
    inside: insideOf(volume, ring, box),
  };
}

/**
 * Turn a ring to run in the positive sense: overlapping rings in one path would else cut holes.
 *
 * @param {Float64Array} ring
 */
function alignSense(ring) {
  let twiceArea = 0;
  for (let k = 0, before = ring.length - 2; k < ring.length; before = k, k += 2) {
    twiceArea += at(ring, before) * at(ring, k + 1) - at(ring, k) * at(ring, before + 1);
  }
  if (twiceArea >= 0) return;
  for (let low = 0, high = ring.length - 2; low < high; low += 2, high -= 2) {
    const [x, y] = [at(ring, low), at(ring, low + 1)];
    ring[low] = at(ring, high);
    ring[low + 1] = at(ring, high + 1);
    ring[high] = x;
    ring[high + 1] = y;
  }
}

/**
 * @param {import("../types.js").Volume} volume
 * @param {Float64Array} ring
 * @param {number[]} box
 * @returns {[number, number]}
 */
function insideOf({ volume }, ring, box) {
  if (volume.outline_polygon !== undefined && ring.length >= 6) {
    const [x = 0, y = 0] = new ol.geom.Polygon([...ring], "XY", [ring.length]).getInteriorPoint().getCoordinates();
    return [x, y];
  }
  const [left = 0, bottom = 0, right = 0, top = 0] = box;
  return [(left + right) / 2, (bottom + top) / 2];
}

/**
 * Return whether a point lies in a ring.
 *
 * @param {Float64Array} ring
 * @param {number} x
 * @param {number} y
 */
export function isInRing(ring, x, y) {
  let isInside = false;
  for (let k = 0, before = ring.length - 2; k < ring.length; before = k, k += 2) {
    const [x1, y1, x2, y2] = [at(ring, before), at(ring, before + 1), at(ring, k), at(ring, k + 1)];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) isInside = !isInside;
  }
  return isInside;
}

/**
 * @param {Float64Array} ring
 * @param {number} place
 */
function at(ring, place) {
  return /** @type {number} */ (ring[place]);
}

/** Keeps the shapes of the records in step with the store. */
export class Shapes {
  /** @param {() => void} changed  called when shapes came or went */
  constructor(changed) {
    this.changed = changed;
    /** @type {Map<string, Shaped>} */
    this.held = new Map();
    /** @type {Map<string, ItemRecord>} */
    this.records = new Map();
    /** @type {ItemRecord[]} */
    this.waiting = [];
    this.isAtWork = false;
  }

  /** @param {Map<string, ItemRecord>} records */
  follow(records) {
    const before = this.records;
    this.records = records;
    for (const id of before.keys()) {
      if (!records.has(id)) this.held.delete(id);
    }
    this.waiting = [...records.values()].filter(({ item }) => this.held.get(item.id)?.item !== item);
    if (this.waiting.length === 0) {
      this.changed();
    } else if (!this.isAtWork) {
      this.isAtWork = true;
      this.work();
    }
  }

  work() {
    const endMs = performance.now() + SLICE_MS;
    let record = this.waiting.pop();
    while (record !== undefined) {
      // the next items must not wait for one of thousands of volumes longer than that one takes
      if (this.records.get(record.item.id) === record) this.held.set(record.item.id, shapedItem(record.item));
      if (performance.now() > endMs) break;
      record = this.waiting.pop();
    }
    this.isAtWork = this.waiting.length > 0;
    if (this.isAtWork) setTimeout(() => this.work(), 0);
    else this.changed();
  }
}
