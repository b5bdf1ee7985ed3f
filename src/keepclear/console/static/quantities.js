/** Lengths, heights, durations and places in words, in the units that the reader chose. */

import { leftToRight, numberText } from "./texts.js";

/** @typedef {import("./texts.js").Translate} Translate */
/** @typedef {"m" | "ft"} Unit  with "ft" go nautical miles */

const METRES_PER_FOOT = 0.3048;
const METRES_PER_NAUTICAL_MILE = 1852;

/**
 * @param {number} metres
 * @param {Unit} unit
 */
export function fromMetres(metres, unit) {
  return unit === "ft" ? metres / METRES_PER_FOOT : metres;
}

/**
 * @param {number} value
 * @param {Unit} unit
 */
export function toMetres(value, unit) {
  return unit === "ft" ? value * METRES_PER_FOOT : value;
}

/** Writes quantities in one language and unit. */
export class Quantities {
  /**
   * @param {Translate} t
   * @param {string} language
   * @param {Unit} unit
   */
  constructor(t, language, unit) {
    this.t = t;
    this.language = language;
    this.unit = unit;
  }

  /**
   * Write a height or a vertical distance; null is without bound.
   *
   * @param {number | null} metres
   */
  height(metres) {
    if (metres === null) return this.t("quantity.unbounded");
    return this.with(`unit.${this.unit}`, fromMetres(metres, this.unit), 0);
  }

  /**
   * Write a length on the ground.
   *
   * @param {number} metres
   */
  length(metres) {
    if (this.unit === "ft" && metres >= 0.1 * METRES_PER_NAUTICAL_MILE) {
      return this.with("unit.nm", metres / METRES_PER_NAUTICAL_MILE, 2);
    }
    if (this.unit === "m" && metres >= 1000) return this.with("unit.km", metres / 1000, 2);
    return this.with(`unit.${this.unit}`, fromMetres(metres, this.unit), metres < 10 ? 1 : 0);
  }

  /**
   * Write a distance that was agreed, as exactly as it was.
   *
   * @param {number} metres
   * @param {boolean} isVertical
   */
  agreed(metres, isVertical) {
    if (this.unit === "ft" && !isVertical) return this.with("unit.nm", metres / METRES_PER_NAUTICAL_MILE, 3);
    return this.with(`unit.${this.unit}`, fromMetres(metres, this.unit), 1);
  }

  /**
   * Write a duration to the second, leaving out what is zero: 3 min 20 s.
   *
   * @param {number} seconds
   */
  duration(seconds) {
    if (seconds < 60) return this.with("unit.s", seconds, 1);
    const whole = Math.round(seconds);
    const parts = /** @type {[string, number][]} */ ([
      ["unit.d", Math.floor(whole / 86400)],
      ["unit.h", Math.floor(whole / 3600) % 24],
      ["unit.min", Math.floor(whole / 60) % 60],
      ["unit.s", whole % 60],
    ]);
    return parts.filter(([, value]) => value !== 0).map(([key, value]) => this.with(key, value, 0)).join(" ");
  }

  /**
   * Write the heights from which to which a volume reaches.
   *
   * @param {number | null} lower_m
   * @param {number | null} upper_m
   */
  band(lower_m, upper_m) {
    if (lower_m === null && upper_m === null) return this.t("quantity.any_height");
    if (lower_m === null) return this.t("quantity.up_to", { height: this.height(upper_m) });
    if (upper_m === null) return this.t("quantity.from_up", { height: this.height(lower_m) });
    return this.t("quantity.from_to", { lower: this.height(lower_m), upper: this.height(upper_m) });
  }

  /**
   * @param {string} key
   * @param {number} value
   * @param {number} digits
   */
  with(key, value, digits) {
    // a minus sign would else go to the other side of the number in an Arabic text
    return this.t(key, { value: leftToRight(numberText(value, this.language, digits)) });
  }
}

/**
 * Write how far something is outside what is declared: sideways, in height, or both; empty where that is not known.
 *
 * @param {{lateral_m: number, vertical_m: number} | null} outside
 * @param {Translate} t
 * @param {Quantities} quantities
 */
export function outsideText(outside, t, quantities) {
  if (outside === null) return "";
  const { lateral_m, vertical_m } = outside;
  return [
    ...lateral_m > 0 ? [quantities.length(lateral_m)] : [],
    ...vertical_m > 0 ? [t("track.above_or_below", { height: quantities.height(vertical_m) })] : [],
  ].join(" · ");
}

/**
 * Write a place in decimal degrees: 35.4123° N, 35.9012° E.
 *
 * @param {import("./types.js").LatLng} place
 */
export function placeText({ lat, lng }) {
  const north = lat < 0 ? "S" : "N";
  const east = lng < 0 ? "W" : "E";
  return leftToRight(`${Math.abs(lat).toFixed(4)}° ${north}, ${Math.abs(lng).toFixed(4)}° ${east}`);
}
