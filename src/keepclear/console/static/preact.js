/**
 * Preact and htm, from the one place where they lie, and how panels reach the store.
 *
 * Panels import from here, so that where the vendored module lies is written once.
 */

import { createContext, html, render, useContext, useEffect, useLayoutEffect, useMemo, useReducer, useRef,
  useState } from "./vendor/preact-htm.js";
import { Quantities } from "./quantities.js";
import { translator } from "./texts.js";

export { html, render, useEffect, useLayoutEffect, useMemo, useRef, useState };

/** @typedef {import("./types.js").State} State */
/** @typedef {{store: import("./store.js").Store, actions: import("./actions/actions.js").Actions}} Console */

/** Holds the store and the actions, for the panels under it. */
export const ConsoleContext = createContext(/** @type {any} */ (null));

/** @returns {Console} */
export function useConsole() {
  return useContext(ConsoleContext);
}

export function useActions() {
  return useConsole().actions;
}

/**
 * Return a part of the state, and draw the panel again when that part is another one.
 *
 * @template T
 * @param {(state: State) => T} select  must return the same value while nothing changed
 * @returns {T}
 */
export function useSelected(select) {
  const { store } = useConsole();
  const [, redraw] = useReducer((/** @type {number} */ count, /** @type {undefined} */ _) => count + 1, 0);
  const value = select(store.state);
  const latest = useRef({ select, value });
  latest.current = { select, value };
  useEffect(() => {
    const look = () => {
      if (!Object.is(latest.current.select(store.state), latest.current.value)) redraw(undefined);
    };
    look(); // it may have changed between drawing and now
    return store.subscribe(look);
  }, [store]);
  return value;
}

/** Return the function that gives texts in the chosen language. */
export function useTexts() {
  const catalogue = useSelected((state) => state.catalogue);
  const language = useSelected((state) => state.preferences.language);
  return useMemo(() => translator(catalogue, language), [catalogue, language]);
}

/** Return what writes lengths, heights and durations in the chosen language and units. */
export function useQuantities() {
  const t = useTexts();
  const { language, unit } = useSelected((state) => state.preferences);
  return useMemo(() => new Quantities(t, language, unit), [t, language, unit]);
}

/** Return what picks, of a sentence that came in every language, the one of the reader. */
export function useSaid() {
  const language = useSelected((state) => state.preferences.language);
  return (/** @type {import("./hotline_types.js").Texts | undefined} */ texts) => texts?.[/** @type {"en"} */ (language)] ?? "";
}
