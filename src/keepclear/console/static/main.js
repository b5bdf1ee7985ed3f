/** The start of the console: makes its parts, wires them, and shows it. */

import { actionsOf } from "./actions/actions.js";
import { Api } from "./api.js";
import { MapView } from "./map/map.js";
import { loadLater } from "./panels/later.js";
import { Page } from "./panels/page.js";
import { ConsoleContext, html, render } from "./preact.js";
import { loadPreferences, showPreferences } from "./preferences.js";
import { holdPresses } from "./presses.js";
import { listenForShortcuts } from "./shortcuts.js";
import { initialState } from "./state.js";
import { Store } from "./store.js";
import { loadCatalogue } from "./texts.js";
import { Tracks } from "./tracks.js";

const TICK_MS = 1000;
const LINKS_MS = 5000;

async function main() {
  const preferences = loadPreferences();
  showPreferences(preferences);
  const store = new Store(initialState(preferences));
  const tracks = new Tracks();
  /** @type {MapView | null} */
  let map = null;
  const view = {
    /** @type {import("./actions/actions.js").View["showItems"]} */
    showItems: (ids, place) => map?.showItems(ids, place),
    /** @type {import("./actions/actions.js").View["showPlaces"]} */
    showPlaces: (places, itemId) => map?.showPlaces(places, itemId),
    showDraft: () => map?.showDraft(),
  };
  const actions = actionsOf({ store, api: new Api(), tracks, view });
  const catalogue = loadCatalogue(preferences.language);
  const started = actions.start();
  store.update({ catalogue: await catalogue });
  map = new MapView(store, actions, tracks);
  const page = html`<${ConsoleContext.Provider} value=${{ store, actions }}><${Page} map=${map} /></${ConsoleContext.Provider}>`;
  render(page, /** @type {HTMLElement} */ (document.getElementById("console")));
  listenForShortcuts(store, actions);
  holdPresses();
  store.watch((state) => state.conflicts, actions.titlePage);
  store.watch((state) => state.link, actions.titlePage);
  store.watch((state) => state.panel, actions.showCoordination);
  store.watch((state) => state.selection.findingKey, actions.showCoordination);
  store.watch((state) => state.panel, actions.lookAtHotline);
  store.watch((state) => state.hotline.open, actions.titlePage);
  store.watch((state) => state.watch.alerts, actions.titlePage);
  store.watch((state) => state.selection.trackId, actions.lookAtTrack);
  for (const kind of ["pointerdown", "keydown"]) {
    document.addEventListener(kind, () => {
      actions.touchKey();
      actions.allowSound();
    }, { capture: true, passive: true });
  }
  await started;
  actions.titlePage();
  setInterval(() => {
    actions.tick();
    actions.watchKey();
    actions.callPeople();
  }, TICK_MS);
  setInterval(() => {
    actions.lookAtLinks();
    actions.lookAtHotline();
    actions.lookAtTrack();
  }, LINKS_MS);
  loadLater();
}

main();
