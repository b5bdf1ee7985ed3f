/** Where words can stand on the map, and how they are written: none covers another. */

/** @typedef {import("./canvas_layer.js").Frame} Frame */

export const NAME_FONT = "600 12px 'Noto Sans', 'Noto Sans Arabic', system-ui, sans-serif";

/**
 * Write words that can be read on whatever lies under them.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} words
 * @param {number} x  their left edge
 * @param {number} y  their middle
 * @param {import("./palette.js").Palette} palette
 * @param {"ltr" | "rtl"} [direction]  of the language; ids and names go from left to right
 */
export function drawWords(context, words, x, y, palette, direction = "ltr") {
  context.direction = direction;
  context.font = NAME_FONT;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4;
  context.strokeStyle = palette.halo;
  context.strokeText(words, x, y);
  context.fillStyle = palette.ink;
  context.fillText(words, x, y);
}

/** Where on the map something stands already. */
export class Room {
  /** @param {Frame} frame */
  constructor({ width, height, margin }) {
    this.low = margin;
    this.right = width - margin;
    this.bottom = height - margin;
    /** @type {[number, number, number, number][]} */
    this.taken = [];
  }

  /**
   * Take a place if it is free and in view, and return whether it was.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  take(x, y, width, height) {
    const isInside = x >= this.low && y >= this.low && x + width <= this.right && y + height <= this.bottom;
    const isFree = isInside && this.taken.every(([left, top, right, bottom]) =>
      x > right || x + width < left || y > bottom || y + height < top);
    if (isFree) this.taken.push([x, y, x + width, y + height]);
    return isFree;
  }
}
