/**
 * The positions of what flies, outside the store: they come every second by the thousand, and only the
 * map draws them.
 *
 * A position is drawn where it was reported, never brought forward: the line ahead of it says where
 * it would be in a minute.
 */

import { msOf } from "./times.js";

/** @typedef {import("./types.js").TrackReport} TrackReport */

/** Older positions are drawn hollow. */
export const TRACK_STALE_MS = 15_000;
/** Older positions are no longer drawn. */
const TRACK_GONE_MS = 120_000;
const TRAIL_LENGTH = 8;

/**
 * @typedef {object} Track
 * @property {TrackReport} report
 * @property {number} atMs
 * @property {number} x  projected, metres
 * @property {number} y
 * @property {number[]} trail  earlier positions, x and y in turn, the latest last
 */

export class Tracks {
  /** @param {(place: {lat: number, lng: number}) => [number, number]} project */
  constructor(project) {
    this.project = project;
    /** @type {Map<string, Track>} */
    this.held = new Map();
    /** Called after every change; the map sets it. */
    this.changed = () => {};
  }

  /**
   * Take over reports, and forget what has not been heard of for long.
   *
   * @param {TrackReport[]} reports
   * @param {number} nowMs
   */
  take(reports, nowMs) {
    for (const report of reports) this.takeOne(report);
    for (const [id, track] of this.held) {
      if (nowMs - track.atMs > TRACK_GONE_MS) this.held.delete(id);
    }
    this.changed();
  }

  /** @param {TrackReport} report */
  takeOne(report) {
    const held = this.held.get(report.id);
    const atMs = msOf(report.at);
    if (held === undefined) {
      const [x, y] = this.project(report);
      this.held.set(report.id, { report, atMs, x, y, trail: [] });
      return;
    }
    if (atMs <= held.atMs) return;
    if (report.lat !== held.report.lat || report.lng !== held.report.lng) {
      held.trail.push(held.x, held.y);
      if (held.trail.length > 2 * TRAIL_LENGTH) held.trail.splice(0, 2);
      [held.x, held.y] = this.project(report);
    }
    held.report = report;
    held.atMs = atMs;
  }

  /**
   * @param {number} nowMs
   * @returns {{count: number, staleCount: number}}
   */
  summary(nowMs) {
    let staleCount = 0;
    for (const track of this.held.values()) {
      if (nowMs - track.atMs > TRACK_STALE_MS) staleCount += 1;
    }
    return { count: this.held.size, staleCount };
  }

  clear() {
    this.held.clear();
    this.changed();
  }
}
