/**
 * Draws what flies: a symbol where it was reported, where it came from, and where a minute would take it.
 *
 * What is not heard any more stays where it was last, hollow, with its age and with the circle in which it may
 * have been; nothing is brought forward. Words stand where there is room, the most important first; marks always.
 */

import { NO_PARTY } from "../parties.js";
import { outsideText } from "../quantities.js";
import { shownStatus } from "../watch.js";
import { CanvasLayer } from "./canvas_layer.js";
import { drawWords, NAME_FONT, Room } from "./room.js";

/** @typedef {import("./canvas_layer.js").Frame} Frame */
/** @typedef {import("../tracks.js").Track} Track */
/** @typedef {import("../watch_types.js").TrackMark} TrackMark */
/** @typedef {import("../watch_types.js").TrackStatus} TrackStatus */

/**
 * @typedef {object} TracksScene
 * @property {import("../tracks.js").Tracks} tracks
 * @property {number} sinceMs  how long ago positions were told
 * @property {boolean} isNowShown  else the map shows another time, and tracks are faint
 * @property {boolean} isVisible
 * @property {Set<string>} selectedIds
 * @property {Map<string, TrackMark>} marks
 * @property {(party: string | undefined) => import("../parties.js").Look} lookOf
 * @property {import("./symbols.js").Symbols} symbols
 * @property {import("../texts.js").Translate} t
 * @property {import("../quantities.js").Quantities} quantities
 * @property {"ltr" | "rtl"} direction
 */

/** What is drawn of a track in this frame. @typedef {{track: Track, status: TrackStatus, mark: TrackMark | undefined, x: number, y: number}} Seen */

const AHEAD_S = 60;
const HIT_PX = 12;
const MARGIN_PX = 20;
/** With more in view than this most are dots: symbols would cover each other, and take too long to draw. */
const SYMBOLS_MAX = 2500;
const DOT_PX = 4;
/** More words than this on a map cannot be read. */
const LABELS_MAX = 150;
/** Where more is in view, what is only not declared has its mark without words. */
const NAMED_MAX = 60;
const CIRCLE_PX_MAX = 4000;
/** From this rank on a track is drawn whole wherever it is. */
const RANK_WHOLE = 5;
/** @type {Record<TrackStatus, number>} */
const ALPHA = { current: 1, coasting: 0.7, degraded: 0.5, lost: 1 };

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
    const faint = scene.isNowShown ? 1 : 0.35;
    const seen = inFrame(scene, frame);
    // so many symbols would cover each other: then only those that somebody has to see are drawn whole
    const isCrowded = seen.length > SYMBOLS_MAX;
    const [whole, dots] = isCrowded ? parted(seen, scene) : [seen, []];
    context.globalAlpha = faint;
    drawTrails(context, frame, whole, scene);
    drawDots(context, dots, scene, faint);
    context.globalAlpha = faint;
    for (const each of whole) {
      if (each.status === "lost") drawError(context, frame, each, scene);
      drawRings(context, each, scene);
    }
    this.drawSymbols(context, whole, scene, faint);
    for (const each of whole) drawBadges(context, each, scene);
    drawLabels(context, frame, whole, isCrowded, scene);
    context.globalAlpha = 1;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Seen[]} seen
   * @param {TracksScene} scene
   * @param {number} faint
   */
  drawSymbols(context, seen, scene, faint) {
    scene.symbols.beginFrame();
    for (const { track: { report }, status, x, y } of seen) {
      const { party, kind, track_deg: heading, on_ground: isSmall } = report;
      const look = party ? scene.lookOf(party) : NO_PARTY;
      context.globalAlpha = faint * (ALPHA[status] ?? 1);
      scene.symbols.track(context, look, kind ?? "unknown", heading ?? 0, { isHollow: status === "lost", isSmall: isSmall === true }, x, y);
    }
    context.globalAlpha = faint;
    if (scene.symbols.isShort) requestAnimationFrame(() => this.canvas.changed());
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
    for (const track of isVisible ? tracks.shown.values() : []) {
      const distance = Math.hypot(track.x - x, track.y - y) / resolution;
      if (distance < nearestPx) [nearest, nearestPx] = [track.report.id, distance];
    }
    return nearest;
  }
}

/**
 * @param {TracksScene} scene
 * @param {Frame} frame
 * @returns {Seen[]}
 */
function inFrame({ tracks, sinceMs, marks }, frame) {
  const { left, top, resolution, width, height } = frame;
  const margin = MARGIN_PX * resolution;
  const [low_x, high_x] = [left - margin, left + width * resolution + margin];
  const [low_y, high_y] = [top - height * resolution - margin, top + margin];
  const seen = [];
  for (const track of tracks.shown.values()) {
    if (track.x < low_x || track.x > high_x || track.y < low_y || track.y > high_y) continue;
    const [x, y] = pixelOf(frame, track.x, track.y);
    seen.push({ track, status: shownStatus(track.report.status, sinceMs), mark: marks.get(track.report.id), x, y });
  }
  return seen;
}

/**
 * Part what somebody has to see (what is chosen, marked, doubtful or outside what it declared) from all else.
 *
 * @param {Seen[]} seen
 * @param {TracksScene} scene
 * @returns {[Seen[], Seen[]]}
 */
function parted(seen, scene) {
  /** @type {[Seen[], Seen[]]} */
  const parts = [[], []];
  for (const each of seen) parts[rankOf(each, scene) >= RANK_WHOLE ? 0 : 1].push(each);
  return parts;
}

/**
 * Draw tracks as dots, hollow where they are lost, all of one party and status in one path.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Seen[]} dots
 * @param {TracksScene} scene
 * @param {number} faint
 */
function drawDots(context, dots, { symbols, lookOf }, faint) {
  /** @type {Map<string, Seen[]>} */
  const groups = new Map();
  for (const each of dots) {
    const key = `${each.status} ${each.track.report.party ?? ""}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [each]);
    else group.push(each);
  }
  context.lineWidth = 1;
  for (const group of groups.values()) {
    const [{ status, track: { report: { party } } }] = /** @type {[Seen]} */ (/** @type {unknown} */ (group));
    context.beginPath();
    for (const { x, y } of group) context.rect(Math.round(x) - DOT_PX / 2, Math.round(y) - DOT_PX / 2, DOT_PX, DOT_PX);
    context.globalAlpha = faint * (ALPHA[status] ?? 1);
    context.fillStyle = context.strokeStyle = symbols.colour(party ? lookOf(party) : NO_PARTY);
    if (status === "lost") context.stroke();
    else context.fill();
  }
}

/**
 * Draw the lines behind and ahead, all of one party in one path.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Seen[]} seen
 * @param {TracksScene} scene
 */
function drawTrails(context, frame, seen, { symbols, lookOf }) {
  /** @type {Map<string | null | undefined, Seen[]>} */
  const byParty = new Map();
  for (const each of seen) {
    const { party } = each.track.report;
    const group = byParty.get(party);
    if (group === undefined) byParty.set(party, [each]);
    else group.push(each);
  }
  context.lineWidth = 1.2;
  for (const [party, group] of byParty) {
    context.strokeStyle = symbols.colour(party ? lookOf(party) : NO_PARTY);
    context.beginPath();
    for (const each of group) traceTrack(context, frame, each);
    context.stroke();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Seen} seen
 */
function traceTrack(context, frame, { track: { report, trail }, status, x, y }) {
  traceTrail(context, frame, trail);
  if (trail.length === 0) context.moveTo(x, y);
  else context.lineTo(x, y);
  const { ground_speed_mps: speed, track_deg: heading, on_ground, is_frozen, suspicion } = report;
  const isKnown = status !== "degraded" && status !== "lost" && !on_ground && !is_frozen && !suspicion;
  if (!isKnown || typeof speed !== "number" || typeof heading !== "number") return;
  // The map stretches lengths by the secant of the latitude.
  const ahead = (speed * AHEAD_S) / Math.cos((report.lat * Math.PI) / 180) / frame.resolution;
  const angle = (heading * Math.PI) / 180;
  context.lineTo(x + ahead * Math.sin(angle), y - ahead * Math.cos(angle));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {number[]} trail  x and y in turn, projected metres
 */
export function traceTrail(context, { left, top, resolution }, trail) {
  for (let k = 0; k < trail.length; k += 2) {
    const x = (/** @type {number} */ (trail[k]) - left) / resolution;
    const y = (top - /** @type {number} */ (trail[k + 1])) / resolution;
    if (k === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  }
}

/**
 * Draw the circle in which something that is lost may be.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Seen} seen
 * @param {TracksScene} scene
 */
function drawError(context, { resolution }, { track: { report }, x, y }, { symbols, lookOf }) {
  const radius = report.error_m / Math.cos((report.lat * Math.PI) / 180) / resolution;
  if (!(radius > 4 && radius < CIRCLE_PX_MAX)) return;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.strokeStyle = symbols.colour(report.party ? lookOf(report.party) : NO_PARTY);
  context.lineWidth = 1.2;
  context.setLineDash([4, 4]);
  context.stroke();
  context.setLineDash([]);
}

/**
 * Draw what is round a track, each with a shape of its own.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Seen} seen
 * @param {TracksScene} scene
 */
function drawRings(context, { track: { report }, mark, x, y }, { symbols: { palette } }) {
  if (mark !== undefined && mark.urgency !== null) {
    context.beginPath();
    traceUrgency(context, mark.urgency, x, y, 19);
    context.lineWidth = mark.urgency === "warning" ? 3 : 2;
    context.strokeStyle = palette.halo;
    context.lineWidth += 2;
    context.stroke();
    context.lineWidth -= 2;
    context.strokeStyle = { warning: palette.conflict, caution: palette.warn, advisory: palette.ink }[mark.urgency];
    context.stroke();
  }
  if (report.standing === "excursion" || report.standing === "contingent") {
    context.beginPath();
    context.arc(x, y, 13, 0, 2 * Math.PI);
    context.lineWidth = 2.5;
    context.strokeStyle = palette.conflict;
    context.setLineDash([3, 3]);
    context.stroke();
    context.setLineDash([]);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Seen} seen
 * @param {TracksScene} scene
 */
function drawBadges(context, { track: { report }, x, y }, { selectedIds, symbols }) {
  if (report.suspicion) symbols.badge(context, "!", x - 10, y - 10);
  else if (report.standing === "undeclared") symbols.badge(context, "?", x - 10, y - 10);
  if (!selectedIds.has(report.id)) return;
  context.strokeStyle = symbols.palette.select;
  context.lineWidth = 2;
  context.strokeRect(x - 24, y - 24, 48, 48);
}

/**
 * Begin the outline of an urgency: an octagon, a triangle, or a circle.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {import("../watch_types.js").Urgency} urgency
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 */
function traceUrgency(context, urgency, x, y, radius) {
  if (urgency === "advisory") {
    context.arc(x, y, radius - 2, 0, 2 * Math.PI);
    return;
  }
  const [corners, turn] = urgency === "warning" ? [8, Math.PI / 8] : [3, -Math.PI / 2];
  const reach = urgency === "warning" ? radius : radius * 1.45;
  for (let k = 0; k < corners; k += 1) {
    const angle = turn + (2 * Math.PI * k) / corners;
    context.lineTo(x + reach * Math.cos(angle), y + reach * Math.sin(angle));
  }
  context.closePath();
}

/**
 * Write words where there is room: of what is chosen first, then of what is wrong, then ages.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Seen[]} seen
 * @param {boolean} isCrowded
 * @param {TracksScene} scene
 */
function drawLabels(context, frame, seen, isCrowded, scene) {
  const ranked = [];
  for (const each of seen) {
    const rank = rankOf(each, scene);
    if (rank > (isCrowded || seen.length > NAMED_MAX ? 1 : 0)) ranked.push({ rank, each });
  }
  ranked.sort((one, two) => two.rank - one.rank);
  const room = new Room(frame);
  const { palette } = scene.symbols;
  context.font = NAME_FONT;
  for (const { each } of ranked.slice(0, LABELS_MAX)) {
    const lines = wordsOf(each, scene);
    const width = Math.max(...lines.map((line) => context.measureText(line).width));
    const high = 15 * lines.length;
    const right = each.mark === undefined ? 18 : 26;
    const beside = /** @type {const} */ ([[right, -high / 2], [-right - width, -high / 2]]);
    const above = /** @type {const} */ ([[-width / 2, -right - high], [-width / 2, right]]);
    // ahead of what is chosen its path is drawn
    const sides = scene.selectedIds.has(each.track.report.id) ? [...above, ...beside] : [...beside, ...above];
    const side = sides.find(([dx, dy]) => room.take(each.x + dx - 2, each.y + dy, width + 4, high));
    if (side === undefined) continue;
    lines.forEach((line, k) => drawWords(context, line, each.x + side[0], each.y + side[1] + 15 * k + 7.5, palette, k === 0 ? "ltr" : scene.direction));
  }
}

/**
 * Return how much a track needs words; 0 for not at all.
 *
 * @param {Seen} seen
 * @param {TracksScene} scene
 */
function rankOf({ track: { report }, status, mark }, { selectedIds }) {
  if (selectedIds.has(report.id)) return 9;
  if (mark !== undefined) return mark.urgency === "warning" ? 8 : mark.urgency === "caution" ? 7 : 6;
  if (report.suspicion || report.standing === "excursion" || report.standing === "contingent") return 5;
  if (report.on_ground) return 0;
  if (status === "lost") return 4;
  if (status === "degraded") return 3;
  if (status === "coasting") return 2;
  return report.standing === "undeclared" || report.is_frozen ? 1 : 0;
}

/**
 * Return what is written at a track, line by line.
 *
 * @param {Seen} seen
 * @param {TracksScene} scene
 */
function wordsOf({ track: { report }, status, mark }, { sinceMs, t, quantities }) {
  const lines = [report.callsign || report.id];
  if (report.suspicion) lines.push(t("track.suspect"));
  if (report.is_frozen) lines.push(t("track.frozen"));
  if (report.standing === "excursion" || report.standing === "contingent") {
    const distance = outsideText(mark?.outside ?? null, t, quantities);
    lines.push(distance === "" ? t("standing.excursion") : t("track.outside_by", { distance }));
  } else if (report.standing === "undeclared") {
    lines.push(t("standing.undeclared"));
  }
  if (status !== "current") {
    const age = quantities.duration(Math.round(report.age_s + (sinceMs > 2000 ? sinceMs / 1000 : 0)));
    lines.push(status === "lost" ? t("track.last_known", { age }) : t("track.aged", { age }));
  }
  return lines;
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
