/**
 * Draws what must be seen above all else: party marks, witness points, the preview of a change, names.
 *
 * Names stand only at conflicts, at the selection and at one's own operations: three hundred names
 * cannot be read. A name that finds no room is left out, a mark never is.
 */

import { shapedItem } from "./shapes.js";
import { CanvasLayer } from "./canvas_layer.js";
import { traceRings } from "./items_layer.js";
import { drawWords, NAME_FONT, Room } from "./room.js";
import { pixelOf } from "./tracks_layer.js";

/** @typedef {import("./canvas_layer.js").Frame} Frame */
/** @typedef {import("./shapes.js").Shaped} Shaped */
/** @typedef {import("../types.js").Finding} Finding */

/**
 * @typedef {object} FindingMark
 * @property {Finding} finding
 * @property {number} number  as in the list
 * @property {number} x
 * @property {number} y
 * @property {boolean} isSelected
 * @property {boolean} isNear  in time
 */

/**
 * @typedef {object} MarksScene
 * @property {Map<string, Shaped>} shaped
 * @property {number} shownMs
 * @property {Set<string>} namedIds
 * @property {Set<string>} selectedIds
 * @property {FindingMark[]} findings
 * @property {import("../types.js").Item | null} preview
 * @property {string} hiddenId
 * @property {(party: string | undefined) => import("../parties.js").Look} lookOf
 * @property {import("./symbols.js").Symbols} symbols
 */

const HIT_PX = 13;

export class MarksLayer {
  /** @param {() => MarksScene} sceneOf */
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
    const room = new Room(frame);
    if (scene.preview !== null) drawPreview(context, frame, shapedItem(scene.preview), scene);
    const findings = scene.findings.map((mark) => ({ mark, at: pixelOf(frame, mark.x, mark.y) }))
      .sort((one, two) => Number(one.mark.isSelected) - Number(two.mark.isSelected));
    for (const { at: [x, y] } of findings) room.take(x - 11, y - 11, 22, 22);
    this.drawItems(context, frame, scene, room);
    for (const { mark, at: [x, y] } of findings) drawFinding(context, mark, x, y, scene);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   * @param {MarksScene} scene
   * @param {Room} room
   */
  drawItems(context, frame, scene, room) {
    for (const { item, shapes } of scene.shaped.values()) {
      if (item.state === "Ended" || item.id === scene.hiddenId) continue;
      const active = shapes.filter(({ startMs, endMs }) => startMs <= scene.shownMs && scene.shownMs <= endMs);
      const marked = active[Math.floor(active.length / 2)]
        ?? (scene.selectedIds.has(item.id) ? shapes[Math.floor(shapes.length / 2)] : undefined);
      if (marked === undefined) continue;
      const [x, y] = pixelOf(frame, ...marked.inside);
      if (x < -20 || y < -20 || x > frame.width + 20 || y > frame.height + 20) continue;
      scene.symbols.mark(context, scene.lookOf(item.party), x, y);
      room.take(x - 9, y - 9, 18, 18);
      if (scene.namedIds.has(item.id)) drawName(context, room, item.id, x, y, scene.symbols.palette);
    }
  }

  /**
   * Return the finding whose mark is at a place, null if there is none.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} resolution
   */
  hit(x, y, resolution) {
    const { findings } = this.sceneOf();
    const near = findings.find((mark) => Math.hypot(mark.x - x, mark.y - y) / resolution < HIT_PX);
    return near?.finding ?? null;
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {FindingMark} mark
 * @param {number} x
 * @param {number} y
 * @param {MarksScene} scene
 */
function drawFinding(context, { finding, number, isSelected, isNear }, x, y, { symbols: { palette } }) {
  const isConflict = finding.verdict === "conflict";
  const radius = (isConflict ? 9 : 11) + (isSelected ? 3 : 0);
  context.globalAlpha = isSelected || isNear ? 1 : 0.55;
  context.beginPath();
  if (isConflict) {
    context.arc(x, y, radius, 0, 2 * Math.PI);
  } else {
    context.moveTo(x, y - radius);
    context.lineTo(x + radius, y);
    context.lineTo(x, y + radius);
    context.lineTo(x - radius, y);
    context.closePath();
  }
  context.fillStyle = isConflict ? palette.conflict : palette.notice;
  context.strokeStyle = isSelected ? palette.select : isConflict ? palette.halo : palette.onNotice;
  context.lineWidth = isSelected ? 3 : 2;
  context.fill();
  context.stroke();
  context.fillStyle = isConflict ? palette.onConflict : palette.onNotice;
  context.font = "600 11px 'Noto Sans', system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(number), x, y + 0.5);
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Shaped} shaped
 * @param {MarksScene} scene
 */
function drawPreview(context, frame, { shapes }, { symbols: { palette } }) {
  traceRings(context, frame, shapes);
  context.lineWidth = 5;
  context.strokeStyle = palette.halo;
  context.stroke();
  context.lineWidth = 2.5;
  context.strokeStyle = palette.select;
  context.setLineDash([8, 5]);
  context.stroke();
  context.setLineDash([]);
}

/**
 * Write a name beside a mark, at the first side where there is room.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Room} room
 * @param {string} name
 * @param {number} x
 * @param {number} y
 * @param {import("./palette.js").Palette} palette
 */
function drawName(context, room, name, x, y, palette) {
  context.font = NAME_FONT;
  const width = context.measureText(name).width;
  const places = /** @type {const} */ ([[12, 0], [-12 - width, 0], [-width / 2, -17], [-width / 2, 17], [12, -14], [12, 14]]);
  for (const [right, down] of places) {
    if (!room.take(x + right - 2, y + down - 8, width + 4, 16)) continue;
    drawWords(context, name, x + right, y + down, palette);
    return;
  }
}
