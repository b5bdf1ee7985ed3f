/**
 * The positions of what flies, outside the store: they come every second by the thousand, and only the
 * map draws them.
 *
 * A position is drawn where it was reported, never brought forward: the line ahead of it says where
 * it would be in a minute. While a moment of the past is replayed, its positions are shown instead; those of
 * now are still taken, and there when the replay ends.
 */

import { shownStatus } from "./watch.js";

/** @typedef {import("./watch_types.js").WatchTrack} WatchTrack */
/** @typedef {import("./watch_types.js").TrailPoint} TrailPoint */

const TRAIL_LENGTH = 8;
const EARTH_M = 6378137;
/** Where the map ends to the north and south, degrees. */
const LATITUDE_MAX_DEG = 85.06;

/**
 * @typedef {object} Track
 * @property {WatchTrack} report
 * @property {number} x  projected, metres
 * @property {number} y
 * @property {number[]} trail  earlier positions, x and y in turn, the latest last
 * @property {number} told  the number of the list that it was in last
 */

export class Tracks {
  constructor() {
    /** @type {Map<string, Track>} */
    this.held = new Map();
    /** Of the moment that is replayed. @type {Map<string, Track> | null} */
    this.replayed = null;
    this.lists = 0;
    /** When positions were told last, by the page's own clock. */
    this.toldMs = 0;
    /** Called after every change; the map sets it. */
    this.changed = () => {};
  }

  /** Those that the map shows. */
  get shown() {
    return this.replayed ?? this.held;
  }

  /**
   * Take over the positions of all that is known now: what is not among them the node has forgotten.
   *
   * @param {WatchTrack[]} reports
   * @param {number} localMs
   */
  take(reports, localMs) {
    this.lists += 1;
    this.toldMs = localMs;
    for (const report of reports) this.takeOne(report);
    if (this.held.size > reports.length) {
      for (const [id, { told }] of this.held) if (told !== this.lists) this.held.delete(id);
    }
    if (this.replayed === null) this.changed();
  }

  /** @param {WatchTrack} report */
  takeOne(report) {
    const track = this.held.get(report.id);
    if (track === undefined) {
      this.held.set(report.id, { report, ...projected(report), trail: [], told: this.lists });
      return;
    }
    const { report: before } = track;
    if (report.lat !== before.lat || report.lng !== before.lng) {
      track.trail.push(track.x, track.y);
      if (track.trail.length > 2 * TRAIL_LENGTH) track.trail.splice(0, 2);
      const { x, y } = projected(report);
      track.x = x;
      track.y = y;
    }
    track.report = report;
    track.told = this.lists;
  }

  /**
   * Show those of a moment of the past, or (null) those of now again.
   *
   * @param {{tracks: WatchTrack[], trails: Record<string, TrailPoint[]>} | null} moment
   */
  showMoment(moment) {
    this.replayed = moment && new Map(moment.tracks.map((report) =>
      [report.id, { report, ...projected(report), trail: trailOf(moment.trails[report.id] ?? []), told: 0 }]));
    this.changed();
  }

  /**
   * Return how long ago positions were told: what is shown is so much older than it says.
   *
   * @param {number} localMs
   */
  sinceMs(localMs) {
    return this.replayed === null ? localMs - this.toldMs : 0;
  }

  /**
   * @param {number} localMs
   * @returns {{count: number, staleCount: number}}
   */
  summary(localMs) {
    const sinceMs = localMs - this.toldMs;
    let staleCount = 0;
    for (const { report } of this.held.values()) {
      const status = shownStatus(report.status, sinceMs);
      if (status === "degraded" || status === "lost") staleCount += 1;
    }
    return { count: this.held.size, staleCount };
  }

  clear() {
    this.held.clear();
    this.replayed = null;
    this.changed();
  }
}

/**
 * Return where a place lies on the map (web Mercator), metres.
 *
 * @param {import("./types.js").LatLng} place
 */
export function projected({ lat, lng }) {
  const north = (Math.max(-LATITUDE_MAX_DEG, Math.min(LATITUDE_MAX_DEG, lat)) * Math.PI) / 180;
  return { x: (EARTH_M * lng * Math.PI) / 180, y: EARTH_M * Math.log(Math.tan(Math.PI / 4 + north / 2)) };
}

/** @param {TrailPoint[]} trail */
export function trailOf(trail) {
  return trail.flatMap((place) => {
    const { x, y } = projected(place);
    return [x, y];
  });
}
