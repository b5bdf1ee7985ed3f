/** The colours of the map, read from the style sheet, so that a theme is written in one place. */

import { COLOUR_COUNT } from "../parties.js";

/**
 * @typedef {object} Palette
 * @property {string} sea
 * @property {string} land
 * @property {string} coast
 * @property {string} grid
 * @property {string} ink
 * @property {string} halo
 * @property {string} conflict
 * @property {string} onConflict
 * @property {string} notice
 * @property {string} onNotice
 * @property {string} select
 * @property {string} warn
 * @property {string[]} parties
 * @property {string[]} onParties  the letters on them
 * @property {number[][]} dashes  of the outlines; only a theme of one colour needs them
 */

const DASHES = [[], [10, 3], [2, 3], [10, 3, 2, 3], [5, 5], [14, 4], [1, 5], [6, 2], []];

/** @returns {Palette} */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  const numbers = Array.from({ length: COLOUR_COUNT }, (_, number) => number);
  return {
    sea: read("sea"),
    land: read("land"),
    coast: read("coast"),
    grid: read("grid"),
    ink: read("ink"),
    halo: read("halo"),
    conflict: read("conflict"),
    onConflict: read("on-conflict"),
    notice: read("notice"),
    onNotice: read("on-notice"),
    select: read("select"),
    warn: read("warn"),
    parties: numbers.map((number) => read(`party-${number}`)),
    onParties: numbers.map((number) => read(`on-party-${number}`)),
    dashes: read("single-colour") === "1" ? DASHES : DASHES.map(() => []),
  };
}
