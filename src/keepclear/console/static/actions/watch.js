/** The watch as it is told: alerts and what is seen, who read them, and the one that is looked at. */

import { NOTHING_SELECTED } from "../state.js";
import { aircraftOf, alertOf, callingOf, isOver, momentOf, ratesOf } from "../watch.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../watch_types.js").Alert} Alert */
/** @typedef {import("../watch_types.js").WatchView} WatchView */

/**
 * @param {Context} context
 * @param {{compose: (parts: Partial<import("../hotline_types.js").ComposeState>) => void, callAnew: () => void}} hotline
 */
export function watchActions(context, { compose, callAnew }) {
  const { store, api, tracks, view, say } = context;
  /** What called when alerts were told last, with its urgency. @type {Set<string> | null} */
  let known = null;
  /** @type {Promise<ReturnType<typeof import("./replay.js").replayActions>> | null} */
  let replaying = null;

  /** @param {import("../watch_types.js").Alerts} said */
  function takeAlerts(said) {
    put({ alerts: said, alertsHeardMs: performance.now() });
    const calling = callingOf(said.alerts);
    const added = calling.filter((alert) => known !== null && !known.has(keyOf(alert)));
    known = new Set(calling.map(keyOf));
    const [first] = added;
    if (first === undefined) return;
    if (added.some(({ urgency }) => urgency === "warning")) callAnew();
    const names = aircraftOf(first).map(nameOf).join(" – ") || first.b;
    say(`watch.announce.${first.urgency}`, { names }, first.urgency === "warning");
  }

  /** @param {import("../watch_types.js").WatchTold} told */
  function takeWatch(told) {
    store.update(({ watch }) => ({
      watch: { ...watch, told, toldHeardMs: performance.now(), rates: ratesOf(watch.told, told, watch.rates) },
    }));
  }

  /** @param {string} id of an aircraft */
  function trackOf(id) {
    return (tracks.shown.get(id) ?? tracks.held.get(id))?.report ?? null; // of now where the past does not know it
  }

  /** @param {string} id of an aircraft */
  function nameOf(id) {
    return trackOf(id)?.callsign || id;
  }

  /**
   * Choose an alert of those that are shown; one of now ends a replay, where the same id may be of another.
   *
   * @param {string} id of an alert
   * @param {{isOfNow?: boolean}} [options]
   */
  async function selectAlert(id, { isOfNow = false } = {}) {
    if (isOfNow && momentOf(store.state.watch) !== null) (await replay()).leave();
    store.update(({ watch, chosenMs }) => ({
      selection: { ...NOTHING_SELECTED, alertId: id }, preview: null, resolution: null, panel: "watch",
      chosenMs: momentOf(watch) === null ? null : chosenMs,
    }));
    const alert = alertOf(store.state.watch, id);
    if (alert !== null) view.showPlaces(placesOf(alert), alert.item);
  }

  /** Where its aircraft are, and where an encounter leads. @param {Alert} alert */
  function placesOf(alert) {
    const reported = aircraftOf(alert).map(trackOf).filter((track) => track !== null);
    return [...Object.values(alert.paths).flat(), ...reported];
  }

  /** @param {Alert} read  as it is shown: one that is more urgent by now has to be read again */
  async function acknowledge({ id, urgency }) {
    act(id, "");
    try {
      const alert = await api.acknowledge(id, urgency);
      store.update(({ watch: { alerts } }) => (alerts === null ? {} : {
        watch: { ...store.state.watch, alerts: { ...alerts, alerts: alerts.alerts.map((each) => (each.id === id ? alert : each)) } },
      }));
      act(id, null);
    } catch (error) {
      act(id, /** @type {Error} */ (error).message);
    }
  }

  /**
   * @param {string} id
   * @param {string | null} how
   */
  function act(id, how) {
    store.update(({ watch }) => {
      const { [id]: _, ...others } = watch.acting;
      return { watch: { ...watch, acting: how === null ? others : { ...others, [id]: how } } };
    });
  }

  /** Ask for the alerts that are over. */
  async function loadEnded() {
    try {
      put({ ended: (await api.endedAlerts()).alerts.filter(isOver) });
    } catch (error) {
      say("watch.not_loaded", { reason: /** @type {Error} */ (error).message }, true);
    }
  }

  /** Ask for what is known of the chosen track; called again and again while it is chosen. */
  async function lookAtTrack() {
    const { selection: { trackId }, watch } = store.state;
    if (trackId === null || momentOf(watch) !== null) {
      if (watch.detail !== null) put({ detail: null });
      return;
    }
    const told = await api.track(trackId).catch(() => null); // it may be forgotten; what the stream told is shown
    if (store.state.selection.trackId === trackId && momentOf(store.state.watch) === null) put({ detail: told });
  }

  /**
   * Begin to write a message; items that it names are those that the parties stated.
   *
   * @param {import("../watch_types.js").Prepared} prepared
   * @param {Record<string, string>} items  ids by field
   */
  async function prepareMessage({ code, to, fields }, items) {
    const refs = await Promise.all(Object.entries(items).map(async ([field, id]) =>
      [field, await api.coordinationOf(id).then(({ ref }) => ref).catch(() => null)])); // nobody stated it
    compose({ code, to, fields: { ...fields, ...Object.fromEntries(refs) } });
  }

  /** What replays is loaded with the first use: most windows only look at now. */
  function replay() {
    replaying ??= import("./replay.js").then(({ replayActions }) => replayActions(context));
    replaying.catch(() => {
      replaying = null; // the node did not answer: try again next time
    });
    return replaying;
  }

  /** @param {Partial<WatchView>} parts */
  function put(parts) {
    store.update(({ watch }) => ({ watch: { ...watch, ...parts } }));
  }

  return { takeAlerts, takeWatch, trackOf, nameOf, selectAlert, acknowledge, loadEnded, lookAtTrack, prepareMessage, replay };
}

/** @param {Alert} alert */
function keyOf({ id, urgency }) {
  return `${id} ${urgency}`;
}
