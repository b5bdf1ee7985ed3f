/**
 * Draws what is looked at of the watch: where an encounter leads, how close it comes, and where a track came from.
 *
 * Paths are those that the node judged by; nothing is brought forward here.
 */

import { projected, trailOf } from "../tracks.js";
import { isOver } from "../watch.js";
import { CanvasLayer } from "./canvas_layer.js";
import { drawWords } from "./room.js";
import { pixelOf, traceTrail } from "./tracks_layer.js";

/** @typedef {import("./canvas_layer.js").Frame} Frame */
/** @typedef {import("../watch_types.js").PathPoint} PathPoint */

/**
 * @typedef {object} WatchScene
 * @property {import("../watch_types.js").Alert | null} alert
 * @property {number} passed_s  since its paths were told
 * @property {import("../watch_types.js").TrailPoint[]} trail  of the chosen track
 * @property {(id: string) => string} colourOf
 * @property {import("./palette.js").Palette} palette
 * @property {import("../texts.js").Translate} t
 * @property {import("../quantities.js").Quantities} quantities
 * @property {"ltr" | "rtl"} direction
 */

/** So far round a track its symbol and its marks reach. */
const SYMBOL_PX = 26;

export class WatchLayer {
  /** @param {() => WatchScene} sceneOf */
  constructor(sceneOf) {
    this.sceneOf = sceneOf;
    this.canvas = new CanvasLayer((context, frame) => this.draw(context, frame), { zIndex: 5 });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   */
  draw(context, frame) {
    const scene = this.sceneOf();
    drawTrail(context, frame, scene);
    if (scene.alert === null || scene.alert.kind !== "encounter" || isOver(scene.alert)) return;
    const paths = Object.entries(scene.alert.paths).filter(([, points]) => points.length > 0);
    for (const [id, points] of paths) drawPath(context, frame, points, scene.colourOf(id), scene);
    drawBegin(context, frame, paths.map(([, points]) => points), scene);
    const [one, two] = paths.map(([, points]) => /** @type {PathPoint} */ (points.at(-1)));
    if (one !== undefined && two !== undefined) drawClosest(context, frame, one, two, scene);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {WatchScene} scene
 */
function drawTrail(context, frame, { trail, palette }) {
  if (trail.length < 2) return;
  context.beginPath();
  traceTrail(context, frame, trailOf(trail));
  context.lineWidth = 1.5;
  context.strokeStyle = palette.select;
  context.setLineDash([2, 3]);
  context.stroke();
  context.setLineDash([]);
}

/**
 * Draw where an aircraft goes: to where separation is lost, and on to where they are closest.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {PathPoint[]} points
 * @param {string} colour
 * @param {WatchScene} scene
 */
function drawPath(context, frame, points, colour, { palette }) {
  const at = points.map((point) => pixelAt(frame, point));
  context.lineJoin = "round";
  context.beginPath();
  for (const [x, y] of besideFirst(at)) context.lineTo(x, y);
  context.lineWidth = 6;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 3;
  context.strokeStyle = colour;
  context.stroke();
  at.slice(1).forEach(([x, y], k) => {
    const isClosest = k === at.length - 2;
    context.beginPath();
    if (isClosest) context.arc(x, y, 5, 0, 2 * Math.PI);
    else context.rect(x - 4, y - 4, 8, 8);
    context.fillStyle = palette.halo;
    context.fill();
    context.lineWidth = 2.5;
    context.stroke();
  });
}

/**
 * Return a line that begins beside its first point, so that the symbol there stays free.
 *
 * @param {[number, number][]} line
 * @returns {[number, number][]}
 */
function besideFirst(line) {
  const [first, second] = line;
  if (first === undefined || second === undefined) return line;
  const [right, down] = [second[0] - first[0], second[1] - first[1]];
  const part = SYMBOL_PX / Math.hypot(right, down);
  return part < 1 ? [[first[0] + part * right, first[1] + part * down], ...line.slice(1)] : line.slice(1);
}

/**
 * Write where separation is lost in how long, once: under the one of both that is farther down.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {PathPoint[][]} paths
 * @param {WatchScene} scene
 */
function drawBegin(context, frame, paths, { alert, passed_s, palette, t, quantities, direction }) {
  const begins = paths.filter(({ length }) => length > 2).map((points) => /** @type {PathPoint} */ (points[1]));
  const [first] = begins.sort((one, two) => one.lat - two.lat);
  if (first === undefined || alert?.is_present) return;
  const [x, y] = pixelAt(frame, first);
  const words = t("watch.loss_in", { by: quantities.duration(Math.max(0, Math.round(first.t_s - passed_s))) });
  drawWords(context, words, x - 30, y + 16, palette, direction);
}

/**
 * Draw the line between both where they are closest, with how far they are apart there.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {PathPoint} one
 * @param {PathPoint} two
 * @param {WatchScene} scene
 */
function drawClosest(context, frame, one, two, { alert, palette, t, quantities, direction }) {
  const [from, to] = [pixelAt(frame, one), pixelAt(frame, two)];
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.lineWidth = 5;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 2.5;
  context.strokeStyle = palette.conflict;
  context.setLineDash([6, 4]);
  context.stroke();
  context.setLineDash([]);
  const { d_cpa_m: d, dz_cpa_m: dz } = alert?.facts ?? {};
  const words = [
    ...d === undefined ? [] : [quantities.length(d)],
    dz === undefined ? t("watch.height_unknown") : t("watch.vertical", { height: quantities.height(Math.abs(dz)) }),
  ];
  drawWords(context, words.join(" · "), Math.max(from[0], to[0]) - 20, Math.min(from[1], to[1]) - 18, palette, direction);
}

/**
 * @param {Frame} frame
 * @param {PathPoint} point
 */
function pixelAt(frame, point) {
  const { x, y } = projected(point);
  return pixelOf(frame, x, y);
}
