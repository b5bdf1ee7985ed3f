/** Draws what flies: a symbol where it was reported, where it came from, and where a minute would take it. */

import { NO_PARTY } from "../parties.js";
import { TRACK_STALE_MS } from "../tracks.js";
import { CanvasLayer } from "./canvas_layer.js";

/** @typedef {import("./canvas_layer.js").Frame} Frame */
/** @typedef {import("../tracks.js").Track} Track */

/**
 * @typedef {object} TracksScene
 * @property {import("../tracks.js").Tracks} tracks
 * @property {number} nowMs
 * @property {boolean} isNowShown  else the map shows another time, and tracks are faint
 * @property {boolean} isVisible
 * @property {string | null} selectedId
 * @property {(party: string | undefined) => import("../parties.js").Look} lookOf
 * @property {import("./symbols.js").Symbols} symbols
 */

const AHEAD_S = 60;
const HIT_PX = 12;
const MARGIN_PX = 20;

export class TracksLayer {
  /** @param {() => TracksScene} sceneOf */
  constructor(sceneOf) {
    this.sceneOf = sceneOf;
    this.canvas = new CanvasLayer((context, frame) => this.draw(context, frame), { zIndex: 4 });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   */
  draw(context, frame) {
    const scene = this.sceneOf();
    if (!scene.isVisible) return;
    context.globalAlpha = scene.isNowShown ? 1 : 0.35;
    const seen = inFrame(scene.tracks.held.values(), frame);
    drawTrails(context, frame, seen, scene);
    scene.symbols.beginFrame();
    for (const { report: { party, kind, track_deg: heading }, x, y, atMs } of seen) {
      const [left, top] = pixelOf(frame, x, y);
      const look = party === undefined ? NO_PARTY : scene.lookOf(party);
      const isStale = scene.nowMs - atMs > TRACK_STALE_MS;
      scene.symbols.track(context, look, kind ?? "unknown", heading ?? 0, isStale, left, top);
    }
    context.globalAlpha = 1;
    if (scene.symbols.isShort) requestAnimationFrame(() => this.canvas.changed());
    this.drawSelected(context, frame, scene);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   * @param {TracksScene} scene
   */
  drawSelected(context, frame, { tracks, selectedId, symbols }) {
    const track = selectedId === null ? undefined : tracks.held.get(selectedId);
    if (track === undefined) return;
    const [x, y] = pixelOf(frame, track.x, track.y);
    context.strokeStyle = symbols.palette.select;
    context.lineWidth = 2;
    context.strokeRect(x - 15, y - 15, 30, 30);
  }

  /**
   * Return the id of the track nearest to a place, null if none is near.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} resolution
   */
  hit(x, y, resolution) {
    const { tracks, isVisible } = this.sceneOf();
    let nearest = null;
    let nearestPx = HIT_PX;
    for (const track of isVisible ? tracks.held.values() : []) {
      const distance = Math.hypot(track.x - x, track.y - y) / resolution;
      if (distance < nearestPx) [nearest, nearestPx] = [track.report.id, distance];
    }
    return nearest;
  }
}

/**
 * @param {Iterable<Track>} tracks
 * @param {Frame} frame
 */
function inFrame(tracks, { left, top, resolution, width, height }) {
  const margin = MARGIN_PX * resolution;
  const [low_x, high_x] = [left - margin, left + width * resolution + margin];
  const [low_y, high_y] = [top - height * resolution - margin, top + margin];
  const seen = [];
  for (const track of tracks) {
    if (track.x >= low_x && track.x <= high_x && track.y >= low_y && track.y <= high_y) seen.push(track);
  }
  return seen;
}

/**
 * Draw the lines behind and ahead, all of one party in one path.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Track[]} seen
 * @param {TracksScene} scene
 */
function drawTrails(context, frame, seen, { symbols, lookOf }) {
  /** @type {Map<string | undefined, Track[]>} */
  const byParty = new Map();
  for (const track of seen) {
    const group = byParty.get(track.report.party);
    if (group === undefined) byParty.set(track.report.party, [track]);
    else group.push(track);
  }
  context.lineWidth = 1.2;
  for (const [party, tracks] of byParty) {
    context.strokeStyle = symbols.colour(party === undefined ? NO_PARTY : lookOf(party));
    context.beginPath();
    for (const track of tracks) traceTrack(context, frame, track);
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Track} track
 */
function traceTrack(context, frame, { report, x, y, trail }) {
  const { left, top, resolution } = frame;
  for (let k = 0; k < trail.length; k += 2) {
    const at_x = (/** @type {number} */ (trail[k]) - left) / resolution;
    const at_y = (top - /** @type {number} */ (trail[k + 1])) / resolution;
    if (k === 0) context.moveTo(at_x, at_y);
    else context.lineTo(at_x, at_y);
  }
  const [px, py] = pixelOf(frame, x, y);
  if (trail.length === 0) context.moveTo(px, py);
  else context.lineTo(px, py);
  if (report.ground_speed_mps === undefined || report.track_deg === undefined) return;
  // The map stretches lengths by the secant of the latitude.
  const ahead = (report.ground_speed_mps * AHEAD_S) / Math.cos((report.lat * Math.PI) / 180) / resolution;
  const angle = (report.track_deg * Math.PI) / 180;
  context.lineTo(px + ahead * Math.sin(angle), py - ahead * Math.cos(angle));
}

/**
 * @param {Frame} frame
 * @param {number} x
 * @param {number} y
 * @returns {[number, number]}
 */
export function pixelOf({ left, top, resolution }, x, y) {
  return [(x - left) / resolution, (top - y) / resolution];
}
