/** The symbols of the map, each drawn once on a small canvas and then copied: party marks, tracks, fills. */

import { letterDrop } from "../parties.js";

/** @typedef {import("../parties.js").Look} Look */
/** @typedef {import("../types.js").TrackKind} TrackKind */
/** @typedef {import("./palette.js").Palette} Palette */

const MARK_RADIUS = 7.5;
const MARK_SIZE = 26;
const TRACK_SIZE = 34;
const HEADING_STEPS = 36;
const TILE_SIZE = 8;
const BADGE_SIZE = 14;
/** So many tracks get their symbol made in one frame: a thousand at once would hold up the page for a second. */
const NEW_PER_FRAME_MAX = 30;

/**
 * Corners of the outline of a track's symbol, nose up, in pixels; each kind has its own.
 * @type {Record<TrackKind, [number, number][]>}
 */
const OUTLINES = {
  aeroplane: [[0, -9], [1.6, -5], [1.6, -2], [8, 2.5], [8, 4.5], [1.6, 2.6], [1.2, 6], [3.5, 7.8], [3.5, 9], [0, 8.2],
    [-3.5, 9], [-3.5, 7.8], [-1.2, 6], [-1.6, 2.6], [-8, 4.5], [-8, 2.5], [-1.6, -2], [-1.6, -5]],
  helicopter: [[0, -7], [2.4, -5], [2.6, -1], [7.5, -5.5], [8.6, -4.4], [3.6, 0.6], [8.6, 5.6], [7.5, 6.7], [1.8, 2.2],
    [0.9, 8], [2.4, 9], [-2.4, 9], [-0.9, 8], [-1.8, 2.2], [-7.5, 6.7], [-8.6, 5.6], [-3.6, 0.6], [-8.6, -4.4],
    [-7.5, -5.5], [-2.6, -1], [-2.4, -5]],
  drone: [[0, -8], [2, -3], [6, -6], [7.4, -4.6], [3, 0], [7.4, 4.6], [6, 6], [0, 2.4], [-6, 6], [-7.4, 4.6], [-3, 0],
    [-7.4, -4.6], [-6, -6], [-2, -3]],
  vehicle: [[0, -7.5], [4.5, -3], [4.5, 6.5], [-4.5, 6.5], [-4.5, -3]],
  unknown: [[0, -8], [5.5, 7], [0, 3.8], [-5.5, 7]],
};

/** Makes and keeps the symbols of one palette. */
export class Symbols {
  /**
   * @param {Palette} palette
   * @param {number} ratio  pixels of the screen for one of the page
   */
  constructor(palette, ratio) {
    this.palette = palette;
    this.ratio = ratio;
    /** @type {Map<string, HTMLCanvasElement>} */
    this.made = new Map();
    /** @type {Map<string, CanvasPattern>} */
    this.patterns = new Map();
    this.newCount = 0;
  }

  /**
   * Draw the mark of a party: its letter on its shape in its colour.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {Look} look
   * @param {number} x
   * @param {number} y
   */
  mark(context, look, x, y) {
    const sprite = this.sprite(`mark/${look.letter}/${look.colour}`, MARK_SIZE, (on) => {
      on.beginPath();
      if (look.shape.length === 0) on.arc(0, 0, MARK_RADIUS, 0, 2 * Math.PI);
      else trace(on, look.shape, MARK_RADIUS);
      on.strokeStyle = this.palette.halo;
      on.lineWidth = 3;
      on.stroke();
      on.fillStyle = this.colour(look);
      on.fill();
      on.fillStyle = this.palette.onParties[look.colour] ?? "";
      on.font = "600 10px 'Noto Sans', system-ui, sans-serif";
      on.textAlign = "center";
      on.textBaseline = "middle";
      on.fillText(look.letter, 0, 0.5 + letterDrop(look) * MARK_RADIUS);
    });
    this.put(context, sprite, MARK_SIZE, x, y);
  }

  /** Allow new symbols of tracks again; called at the start of a frame. */
  beginFrame() {
    this.newCount = 0;
  }

  /** Whether tracks of this frame had to do with a square instead of their symbol. */
  get isShort() {
    return this.newCount > NEW_PER_FRAME_MAX;
  }

  /**
   * Draw a track: the symbol of its kind towards where it goes, and the letter of its party.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {Look} look
   * @param {TrackKind} kind
   * @param {number} heading_deg
   * @param {{isHollow: boolean, isSmall: boolean}} how  hollow: not heard any more; small: on the ground
   * @param {number} x
   * @param {number} y
   */
  track(context, look, kind, heading_deg, { isHollow, isSmall }, x, y) {
    const step = ((Math.round((heading_deg * HEADING_STEPS) / 360) % HEADING_STEPS) + HEADING_STEPS) % HEADING_STEPS;
    const key = `${look.letter}/${look.colour}/${kind}/${step}/${isHollow}/${isSmall}`;
    if (!this.made.has(key)) this.newCount += 1;
    if (this.isShort && !this.made.has(key)) {
      context.fillStyle = this.colour(look);
      context.fillRect(x - 3, y - 3, 6, 6);
      return;
    }
    const sprite = this.sprite(key, TRACK_SIZE, (on) => {
      on.save();
      on.translate(-3, -3);
      on.rotate((step * 2 * Math.PI) / HEADING_STEPS);
      on.beginPath();
      trace(on, OUTLINES[kind], isSmall ? 0.6 : 1);
      on.lineJoin = "round";
      on.strokeStyle = isHollow ? this.colour(look) : this.palette.halo;
      on.lineWidth = isHollow ? 1.5 : 2.5;
      on.stroke();
      on.fillStyle = isHollow ? this.palette.halo : this.colour(look);
      on.fill();
      on.restore();
      if (isSmall) return;
      on.font = "600 10px 'Noto Sans', system-ui, sans-serif";
      on.textAlign = "center";
      on.textBaseline = "middle";
      on.strokeStyle = this.palette.halo;
      on.lineWidth = 3;
      on.strokeText(look.letter, 10, 10);
      on.fillStyle = this.palette.ink;
      on.fillText(look.letter, 10, 10);
    });
    this.put(context, sprite, TRACK_SIZE, x + 3, y + 3);
  }

  /**
   * Draw a sign at a track.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {"!" | "?"} sign
   * @param {number} x
   * @param {number} y
   */
  badge(context, sign, x, y) {
    const sprite = this.sprite(`badge/${sign}`, BADGE_SIZE, (on) => {
      on.fillStyle = this.palette.ink;
      on.fillRect(-5, -6, 10, 12);
      on.fillStyle = this.palette.halo;
      on.font = "600 10px 'Noto Sans', system-ui, sans-serif";
      on.textAlign = "center";
      on.textBaseline = "middle";
      on.fillText(sign, 0, 0.5);
    });
    this.put(context, sprite, BADGE_SIZE, x, y);
  }

  /**
   * Return the fill of a zone: hatched to keep out, dotted to notify first.
   *
   * @param {CanvasRenderingContext2D} context
   * @param {Look} look
   * @param {string | undefined} rule
   */
  zoneFill(context, look, rule) {
    const key = `${rule}/${look.colour}`;
    let pattern = this.patterns.get(key);
    if (pattern === undefined) {
      const tile = this.sprite(`tile/${key}`, TILE_SIZE, (on) => {
        on.translate(-TILE_SIZE / 2, -TILE_SIZE / 2);
        on.strokeStyle = on.fillStyle = this.colour(look);
        on.globalAlpha = 0.75;
        on.lineWidth = 1.2;
        on.beginPath();
        if (rule === "keep_out") {
          for (const [x, y] of /** @type {const} */ ([[-2, 2], [0, 8], [6, 10]])) {
            on.moveTo(x, y);
            on.lineTo(x === 0 ? 8 : x + 4, x === 0 ? 0 : y - 4);
          }
          on.stroke();
        } else {
          for (const place of [2, 6]) {
            on.moveTo(place, place);
            on.arc(place, place, 1.1, 0, 2 * Math.PI);
          }
          on.fill();
        }
      });
      pattern = /** @type {CanvasPattern} */ (context.createPattern(tile, "repeat"));
      pattern.setTransform(new DOMMatrix().scale(1 / this.ratio));
      this.patterns.set(key, pattern);
    }
    return pattern;
  }

  /** @param {Look} look */
  colour(look) {
    return this.palette.parties[look.colour] ?? this.palette.ink;
  }

  /**
   * @param {string} key
   * @param {number} size
   * @param {(context: CanvasRenderingContext2D) => void} draw  the origin is in the middle
   */
  sprite(key, size, draw) {
    let canvas = this.made.get(key);
    if (canvas === undefined) {
      canvas = document.createElement("canvas");
      canvas.width = canvas.height = Math.round(size * this.ratio);
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      context.scale(this.ratio, this.ratio);
      context.translate(size / 2, size / 2);
      draw(context);
      this.made.set(key, canvas);
    }
    return canvas;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {HTMLCanvasElement} sprite
   * @param {number} size
   * @param {number} x
   * @param {number} y
   */
  put(context, sprite, size, x, y) {
    // whole pixels: a sprite between them would be blurred, and takes longer to copy
    context.drawImage(sprite, Math.round(x - size / 2), Math.round(y - size / 2), size, size);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number][]} corners
 * @param {number} scale
 */
function trace(context, corners, scale) {
  for (const [x, y] of corners) context.lineTo(x * scale, y * scale);
  context.closePath();
}
