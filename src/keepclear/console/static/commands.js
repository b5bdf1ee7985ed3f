/**
 * The commands that an officer pastes into a terminal, who has no key unlocked here, or wants none in a browser.
 *
 * Ids come from other parties. Each is quoted, so that a shell takes it for one word whatever it holds.
 */

const PLAIN = /^[A-Za-z0-9][\w./:@+,-]*$/;
/** What a terminal could act on, or show otherwise than it is. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/u;

/**
 * Quote a word for a POSIX shell.
 *
 * @param {string} word
 */
export function shellWord(word) {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * Return a command; null where a word holds what no terminal shows, so that nobody pastes it unseen.
 *
 * @param {string[]} verbs  our own words
 * @param {string[]} words  ids of items and proposals
 */
export function commandOf(verbs, words) {
  if (words.some((word) => UNSEEN.test(word))) return null;
  const end = words.some((word) => word.startsWith("-")) ? ["--"] : []; // else it would be an option
  return ["keepclear", ...verbs, ...end, ...words.map(shellWord)].join(" ");
}
