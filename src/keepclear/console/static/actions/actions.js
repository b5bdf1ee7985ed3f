/** All actions of the console: what a person (or the node) makes happen. Only they change the store. */

import { translator } from "../texts.js";
import { coordinationActions } from "./coordination.js";
import { draftActions } from "./drafts.js";
import { hotlineActions } from "./hotline.js";
import { itemActions } from "./items.js";
import { officerActions } from "./officer.js";
import { selectionActions } from "./selection.js";
import { sessionActions } from "./session.js";
import { voiceActions } from "./voice.js";
import { watchActions } from "./watch.js";

/**
 * What moves the map; the map fills it in once it is there.
 * @typedef {object} View
 * @property {(ids: string[], place: import("../types.js").LatLng | null) => void} showItems
 * @property {(places: import("../types.js").LatLng[], itemId: string | null) => void} showPlaces
 * @property {() => void} showDraft
 */

/**
 * @typedef {object} Context
 * @property {import("../store.js").Store} store
 * @property {import("../api.js").Api} api
 * @property {import("../tracks.js").Tracks} tracks
 * @property {View} view
 * @property {(key: string, inserts: Record<string, string | number>, isUrgent: boolean) => void} say
 */

/** @typedef {ReturnType<typeof actionsOf>} Actions */

/**
 * @param {Omit<Context, "say">} parts
 */
export function actionsOf(parts) {
  const { store } = parts;

  /**
   * Say something to those who hear the page or look away from where it happened.
   *
   * @param {string} key
   * @param {Record<string, string | number>} inserts
   * @param {boolean} isUrgent
   */
  function say(key, inserts, isUrgent) {
    const t = translator(store.state.catalogue, store.state.preferences.language);
    const text = t(key, inserts);
    store.update(({ message }) => ({ message: { text, isUrgent, number: message.number + 1 } }));
  }

  /** @type {Context} */
  const context = { ...parts, say };
  const coordination = coordinationActions(context);
  const officer = officerActions(context, () => {
    hotline.refreshHotline();
    coordination.refreshCoordination();
  });
  const hotline = hotlineActions(context, officer.sign);
  const watch = watchActions(context, hotline);
  return {
    ...sessionActions(context, {
      refreshCoordination: coordination.refreshCoordination,
      refreshHotline: hotline.refreshHotline,
      lockKey: officer.lockKey,
      takeAlerts: watch.takeAlerts,
      takeWatch: watch.takeWatch,
    }),
    ...coordination,
    ...officer,
    ...hotline,
    ...watch,
    ...voiceActions(context, officer.sign),
    ...selectionActions(context, watch.replay),
    ...itemActions(context),
    ...draftActions(context),
  };
}
