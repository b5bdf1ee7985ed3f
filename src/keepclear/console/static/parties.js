/**
 * How parties are told apart: by a letter on a shape in a colour, never by colour alone.
 *
 * The shapes and the order of the colours (Okabe and Ito's) are those of the reports that the program
 * draws, see codec/drawing/marks.py; the colours themselves are in themes.css, since they depend on
 * the theme. No mark means friend or foe.
 */

/**
 * @typedef {object} Look
 * @property {string} letter
 * @property {number} colour  the number of the colour in themes.css
 * @property {[number, number][]} shape  corners in units of a radius, y downwards; none is a circle
 */

/** @type {[number, number][][]} */
const SHAPES = [
  [],
  [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  [[0, -1.35], [1.25, 0.85], [-1.25, 0.85]],
  [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
  [[0.55, -1], [1.12, 0], [0.55, 1], [-0.55, 1], [-1.12, 0], [-0.55, -1]],
  [[0, 1.35], [1.25, -0.85], [-1.25, -0.85]],
  [[0, -1.2], [1.14, -0.37], [0.71, 0.97], [-0.71, 0.97], [-1.14, -0.37]],
];
/** How far below the middle the letter of a shape stands, in units of a radius. */
const LETTER_DROP = [0, 0, 0.2, 0, 0, -0.2, 0.03];

export const COLOUR_COUNT = 9;

/** @type {Look} */
export const NO_PARTY = { letter: "–", colour: COLOUR_COUNT - 1, shape: [] };

/**
 * Return how each party looks.
 *
 * @param {string[]} parties
 * @returns {Map<string, Look>}
 */
export function looksOf(parties) {
  /** @type {Map<string, Look>} */
  const looks = new Map();
  const taken = new Set();
  parties.forEach((party, number) => {
    const letter = letterOf(party, taken);
    taken.add(letter);
    const shape = SHAPES[number % SHAPES.length] ?? [];
    looks.set(party, { letter, colour: number % (COLOUR_COUNT - 1), shape });
  });
  return looks;
}

/**
 * Return the first letter of the name that no other party has, so that it helps the memory.
 *
 * @param {string} party
 * @param {Set<string>} taken
 */
function letterOf(party, taken) {
  const letters = [...party.toUpperCase()].filter((letter) => /[\p{L}\p{N}]/u.test(letter));
  const free = letters.find((letter) => !taken.has(letter));
  if (free !== undefined) return free;
  for (let number = 1; ; number += 1) {
    if (!taken.has(String(number))) return String(number);
  }
}

/** @param {Look} look */
export function letterDrop(look) {
  return LETTER_DROP[SHAPES.indexOf(look.shape)] ?? 0;
}
