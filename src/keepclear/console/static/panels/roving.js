/** Lists in which the arrows move and Tab passes by: one entry can be reached by Tab, the chosen one. */

/**
 * Move the focus to another entry of a list.
 *
 * @param {KeyboardEvent} event
 */
export function rove(event) {
  const list = /** @type {HTMLElement} */ (event.currentTarget);
  const entries = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("[data-entry]")]);
  const before = entries.indexOf(/** @type {HTMLElement} */ (event.target));
  if (before < 0) return;
  const next = entries[placeAfter(event.key, before, entries.length)];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
}

/**
 * @param {string} key
 * @param {number} before
 * @param {number} count
 */
function placeAfter(key, before, count) {
  switch (key) {
    case "ArrowDown": return Math.min(count - 1, before + 1);
    case "ArrowUp": return Math.max(0, before - 1);
    case "Home": return 0;
    case "End": return count - 1;
    default: return -1;
  }
}
