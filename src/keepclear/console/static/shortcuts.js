/** The keys that work everywhere but in fields; the help dialog lists them from the same table. */

import { keyOf } from "./items.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./actions/actions.js").Actions} Actions */

/** Each key with the text that tells what it does, in the order of the help. */
export const SHORTCUTS = /** @type {const} */ ([
  ["j", "help.next_conflict"],
  ["k", "help.previous_conflict"],
  ["/", "help.filter"],
  ["n", "help.now"],
  ["←", "help.earlier"],
  ["→", "help.later"],
  ["d", "help.declare"],
  ["w", "help.watch"],
  ["h", "help.hotline"],
  ["p", "help.parties"],
  ["g", "help.guide"],
  ["m", "help.map"],
  ["Esc", "help.escape"],
  ["?", "help.help"],
]);

/**
 * @param {Store} store
 * @param {Actions} actions
 */
export function listenForShortcuts(store, actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (store.state.sessionStatus !== "in" || store.state.dialog !== "none") return;
    const target = /** @type {HTMLElement} */ (event.target);
    const isEscape = event.key === "Escape";
    if (!isEscape && target.matches("input, select, textarea")) return;
    // the map and lists take the arrows for themselves
    if (event.key.startsWith("Arrow") && target.closest(".map, [role=tablist], [data-roving]") !== null) return;
    if (act(event.key, store, actions)) event.preventDefault();
  });
}

/**
 * Do what a key stands for, and return whether it stands for anything.
 *
 * @param {string} key
 * @param {Store} store
 * @param {Actions} actions
 */
function act(key, store, actions) {
  switch (key) {
    case "j": selectConflict(1, store, actions); return true;
    case "k": selectConflict(-1, store, actions); return true;
    case "n": actions.chooseTime(null); return true;
    case "ArrowLeft": actions.stepTime(-1); return true;
    case "ArrowRight": actions.stepTime(1); return true;
    case "d": actions.beginDraft(); return true;
    case "w": actions.openPanel("watch"); return true;
    case "h": actions.openHotline(); return true;
    case "p": actions.openParties(); return true;
    case "g": actions.toggleGuide(); return true;
    case "?": actions.openDialog("help"); return true;
    case "m": document.getElementById("map")?.focus(); return true;
    case "/":
      actions.openPanel("items");
      requestAnimationFrame(() => document.getElementById("filter-text")?.focus());
      return true;
    case "Escape":
      if (store.state.drawing !== "none") actions.draw("none");
      else actions.clearSelection();
      return true;
    default: return false;
  }
}

/**
 * @param {number} step
 * @param {Store} store
 * @param {Actions} actions
 */
function selectConflict(step, store, actions) {
  const findings = store.state.conflicts.answer?.findings ?? [];
  if (findings.length === 0) return;
  const before = findings.findIndex((finding) => keyOf(finding) === store.state.selection.findingKey);
  const start = before < 0 && step < 0 ? 0 : before;
  const next = findings[(start + step + findings.length) % findings.length];
  actions.openPanel("conflicts");
  if (next !== undefined) actions.selectFinding(next);
}
