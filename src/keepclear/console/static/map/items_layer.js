/**
 * Draws the volumes of operations and zones: all of them faint, if wanted, and those whose window holds
 * the shown time strong. Faint ones have a canvas of their own, since time does not change them.
 */

import { CanvasLayer, isInFrame, WORLD_M } from "./canvas_layer.js";
import { isInRing } from "./shapes.js";

/** @typedef {import("./canvas_layer.js").Frame} Frame */
/** @typedef {import("./shapes.js").Shape} Shape */
/** @typedef {import("./shapes.js").Shaped} Shaped */
/** @typedef {import("../parties.js").Look} Look */

/**
 * What the layer shows of the state, gathered by map.js.
 * @typedef {object} ItemsScene
 * @property {Map<string, Shaped>} shaped
 * @property {number} shownMs
 * @property {Set<string>} selectedIds
 * @property {boolean} showsOtherTimes
 * @property {(party: string | undefined) => Look} lookOf
 * @property {import("./symbols.js").Symbols} symbols
 * @property {string} hiddenId  the item that is being amended, drawn as a draft instead
 */

/** @typedef {{look: Look, item: import("../types.js").Item, isZone: boolean, isSelected: boolean, shapes: Shape[]}} Group */

export class ItemsLayer {
  /** @param {() => ItemsScene} sceneOf */
  constructor(sceneOf) {
    this.sceneOf = sceneOf;
    this.faint = new CanvasLayer((context, frame) => this.drawFaint(context, frame), { zIndex: 2 });
    this.strong = new CanvasLayer((context, frame) => this.drawStrong(context, frame), { zIndex: 3 });
  }

  /** Draw all again. */
  changed() {
    this.faint.changed();
    this.strong.changed();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   */
  drawFaint(context, frame) {
    const scene = this.sceneOf();
    for (const { item, shapes } of inFrame(scene, frame)) {
      const isSelected = scene.selectedIds.has(item.id);
      if (!scene.showsOtherTimes && !isSelected) continue;
      drawFaint(context, frame, shapes, scene.symbols.colour(scene.lookOf(item.party)), isSelected);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Frame} frame
   */
  drawStrong(context, frame) {
    const scene = this.sceneOf();
    /** @type {Group[]} */
    const strong = [];
    for (const { item, isZone, shapes } of inFrame(scene, frame)) {
      const active = shapes.filter((shape) => shape.startMs <= scene.shownMs && scene.shownMs <= shape.endMs
        && isInFrame(shape.box, frame));
      if (active.length === 0) continue;
      strong.push({ look: scene.lookOf(item.party), item, isZone, isSelected: scene.selectedIds.has(item.id), shapes: active });
    }
    // zones are large: under the operations, so that they hide none
    for (const group of strong) if (group.isZone) drawZone(context, frame, group, scene);
    for (const group of strong) if (!group.isZone) drawOperation(context, frame, group, scene);
  }

  /**
   * Return the ids of the items at a place, the smallest that is used at the shown time first.
   *
   * @param {number} x  projected metres
   * @param {number} y
   */
  hit(x, y) {
    const { shaped, shownMs, hiddenId, showsOtherTimes, selectedIds } = this.sceneOf();
    /** @type {{id: string, rank: number}[]} */
    const hits = [];
    for (const { item, shapes, box } of shaped.values()) {
      if (item.state === "Ended" || item.id === hiddenId) continue;
      const [left, , right] = box;
      const turn = Math.round((x - (left + right) / 2) / WORLD_M) * WORLD_M;
      for (const shape of shapes) {
        if (!ol.extent.containsXY(shape.box, x - turn, y) || !isInRing(shape.ring, x - turn, y)) continue;
        const isActive = shape.startMs <= shownMs && shownMs <= shape.endMs;
        if (!isActive && !showsOtherTimes && !selectedIds.has(item.id)) continue;
        hits.push({ id: item.id, rank: ol.extent.getArea(shape.box) * (isActive ? 1 : 1e12) });
      }
    }
    return [...new Set(hits.sort((one, two) => one.rank - two.rank).map(({ id }) => id))];
  }
}

/**
 * Return what may be seen of what is held.
 *
 * @param {ItemsScene} scene
 * @param {Frame} frame
 */
function inFrame({ shaped, hiddenId }, frame) {
  return [...shaped.values()].filter(({ item, box }) =>
    item.state !== "Ended" && item.id !== hiddenId && isInFrame(box, frame));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Shape[]} shapes
 * @param {string} colour
 * @param {boolean} isSelected
 */
function drawFaint(context, frame, shapes, colour, isSelected) {
  traceRings(context, frame, shapes);
  context.fillStyle = colour;
  context.globalAlpha = isSelected ? 0.16 : 0.07;
  context.fill();
  if (isSelected) {
    context.strokeStyle = colour;
    context.globalAlpha = 0.7;
    context.lineWidth = 1;
    context.setLineDash([]);
    context.stroke();
  }
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Group} group
 * @param {ItemsScene} scene
 */
function drawZone(context, frame, { look, item, isSelected, shapes }, { symbols }) {
  const isKeepOut = item.rule === "keep_out";
  traceRings(context, frame, shapes);
  context.fillStyle = symbols.zoneFill(context, look, item.rule);
  context.globalAlpha = isSelected ? 1 : 0.6;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = symbols.colour(look);
  context.lineWidth = isSelected ? 3 : 1.8;
  context.setLineDash(isKeepOut ? [] : [7, 4]);
  context.stroke();
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Group} group
 * @param {ItemsScene} scene
 */
function drawOperation(context, frame, { look, item, isSelected, shapes }, { symbols }) {
  const isOff = item.state === "Nonconforming" || item.state === "Contingent";
  traceRings(context, frame, shapes);
  context.fillStyle = symbols.colour(look);
  context.globalAlpha = isSelected ? 0.34 : 0.2;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = symbols.colour(look);
  context.lineWidth = isOff || isSelected ? 3 : 1.6;
  context.setLineDash(isOff ? [3, 3] : symbols.palette.dashes[look.colour] ?? []);
  context.stroke();
  context.setLineDash([]);
}

/**
 * Begin a path of all rings, to be filled or stroked at once.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {Frame} frame
 * @param {Shape[]} shapes
 */
export function traceRings(context, { left, top, resolution }, shapes) {
  context.beginPath();
  for (const { ring } of shapes) {
    for (let k = 0; k < ring.length; k += 2) {
      const x = (/** @type {number} */ (ring[k]) - left) / resolution;
      const y = (top - /** @type {number} */ (ring[k + 1])) / resolution;
      if (k === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
    context.closePath();
  }
}
