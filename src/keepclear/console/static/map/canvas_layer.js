/**
 * A layer of the map that is drawn by a function of ours on a canvas of its own.
 *
 * OpenLayers keeps an object for each feature and styles each one again when anything changes; with
 * thousands of volumes and tracks that takes longer than drawing them. Here a whole group is drawn
 * in one path, and only when its data or the view changed.
 */

/** How far the world is round on the map, metres of the projection. */
export const WORLD_M = 2 * Math.PI * 6378137;

/**
 * What is seen, and how projected metres become pixels of the page.
 * @typedef {object} Frame
 * @property {number} left  projected metres at the left edge
 * @property {number} top
 * @property {number} resolution  projected metres of a pixel
 * @property {number} width  pixels
 * @property {number} height
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
   * @param {{zIndex: number}} options
   */
  constructor(draw, { zIndex }) {
    this.draw = draw;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "map-canvas";
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    this.version = 0;
    this.drawn = "";
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
    const [width, height] = frameState.size;
    const { center, resolution } = frameState.viewState;
    const ratio = frameState.pixelRatio;
    // A frame may be asked for because of another layer; then this one stands as it is.
    const key = [this.version, width, height, ratio, center[0], center[1], resolution].join();
    if (key === this.drawn) return this.canvas;
    this.drawn = key;
    this.fit(width, height, ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, width, height);
    const left = center[0] - (width / 2) * resolution;
    const top = center[1] + (height / 2) * resolution;
    for (const shift of worldShifts(left, width * resolution)) {
      this.draw(this.context, { left: left - shift, top, resolution, width, height });
    }
    return this.canvas;
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
