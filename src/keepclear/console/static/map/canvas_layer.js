/**
 * A layer of the map that is drawn by a function of ours on a canvas of its own.
 *
 * OpenLayers keeps an object for each feature and styles each one again when anything changes; with
 * thousands of volumes and tracks that takes longer than drawing them. Here a whole group is drawn
 * in one path, and only when its data or the view changed. More is drawn than is seen, so that a map
 * that is dragged is moved for a while, and drawn anew where it comes to rest.
 */

/** How far the world is round on the map, metres of the projection. */
export const WORLD_M = 2 * Math.PI * 6378137;

const MARGIN_PX = 96;
/** Margins differ, so that not all layers are drawn anew in the same frame. */
const MARGIN_STEP_PX = 16;

/**
 * What is drawn, and how projected metres become pixels of the page.
 * @typedef {object} Frame
 * @property {number} left  projected metres at the left edge
 * @property {number} top
 * @property {number} resolution  projected metres of a pixel
 * @property {number} width  pixels
 * @property {number} height
 * @property {number} margin  so many of the pixels at each edge are seen only while the map is dragged
 */

/**
 * @callback DrawFunction
 * @param {CanvasRenderingContext2D} context  in pixels of the page
 * @param {Frame} frame
 * @returns {void}
 */

export class CanvasLayer {
  /**
   * @param {DrawFunction} draw
   * @param {{zIndex: number, hasMargin?: boolean}} options
   */
  constructor(draw, { zIndex, hasMargin = true }) {
    this.draw = draw;
    this.margin = hasMargin ? MARGIN_PX + zIndex * MARGIN_STEP_PX : 0;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "map-canvas";
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.version = 0;
    this.drawn = { key: "", left: 0, top: 0 };
    this.layer = new ol.layer.Layer({ zIndex, render: (frameState) => this.render(frameState) });
  }

  /** Draw again at the next frame: the data are others. */
  changed() {
    this.version += 1;
    this.layer.changed();
  }

  /**
   * @param {any} frameState
   * @returns {HTMLElement}
   */
  render(frameState) {
    const { margin, drawn } = this;
    const { center, resolution } = frameState.viewState;
    const ratio = frameState.pixelRatio;
    const [width, height] = frameState.size.map((/** @type {number} */ side) => side + 2 * margin);
    const left = center[0] - (width / 2) * resolution;
    const top = center[1] + (height / 2) * resolution;
    // A frame may be asked for because of another layer; then this one stands as it is.
    const key = [this.version, width, height, ratio, resolution].join();
    const right_px = Math.round((drawn.left - left) / resolution);
    const down_px = Math.round((top - drawn.top) / resolution);
    const isSame = left === drawn.left && top === drawn.top;
    const isNear = isMoving(frameState) && Math.max(Math.abs(right_px), Math.abs(down_px)) <= margin;
    if (key === drawn.key && (isSame || isNear)) {
      this.place(right_px, down_px);
      return this.canvas;
    }
    this.drawn = { key, left, top };
    this.fit(width, height, ratio);
    this.place(0, 0);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, width, height);
    for (const shift of worldShifts(left, width * resolution)) {
      this.draw(this.context, { left: left - shift, top, resolution, width, height, margin });
    }
    return this.canvas;
  }

  /**
   * @param {number} right  pixels from where it belongs when it is drawn
   * @param {number} down
   */
  place(right, down) {
    this.canvas.style.transform = `translate(${right - this.margin}px, ${down - this.margin}px)`;
  }

  /**
   * @param {number} width
   * @param {number} height
   * @param {number} ratio
   */
  fit(width, height, ratio) {
    const wide = Math.round(width * ratio);
    const high = Math.round(height * ratio);
    if (this.canvas.width === wide && this.canvas.height === high) return;
    this.canvas.width = wide;
    this.canvas.height = high;
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
  }
}

/**
 * Return whether the map is being dragged, or moves by itself.
 *
 * @param {any} frameState
 */
function isMoving({ viewHints }) {
  const [animating = 0, interacting = 0] = viewHints;
  return animating > 0 || interacting > 0;
}

/**
 * Return by how much the world is shifted for each copy of it that may be in view.
 *
 * Shapes across the antimeridian reach beyond one copy, so that its neighbours are drawn too where
 * the view comes near its edge.
 *
 * @param {number} left
 * @param {number} width
 */
function worldShifts(left, width) {
  const first = Math.floor((left + WORLD_M / 2 - WORLD_M / 8) / WORLD_M);
  const last = Math.floor((left + width + WORLD_M / 2 + WORLD_M / 8) / WORLD_M);
  return Array.from({ length: last - first + 1 }, (_, k) => (first + k) * WORLD_M);
}

/**
 * Return whether a box of projected metres may be seen.
 *
 * @param {ArrayLike<number>} box  left, bottom, right, top
 * @param {Frame} frame
 */
export function isInFrame(box, { left, top, resolution, width, height }) {
  const [low_x = 0, low_y = 0, high_x = 0, high_y = 0] = /** @type {number[]} */ (box);
  return high_x >= left && low_x <= left + width * resolution && low_y <= top && high_y >= top - height * resolution;
}
