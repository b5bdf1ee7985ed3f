/**
 * What the console asks of the watch: what needs people, whether what is shown is current, what a list without
 * alerts means. Where something is not known the answer says so, and is never "none".
 */

import { msOf } from "./times.js";

/** @typedef {import("./watch_types.js").Alert} Alert */
/** @typedef {import("./watch_types.js").Feed} Feed */
/** @typedef {import("./watch_types.js").TrackMark} TrackMark */
/** @typedef {import("./watch_types.js").TrackStatus} TrackStatus */
/** @typedef {import("./watch_types.js").Urgency} Urgency */
/** @typedef {import("./watch_types.js").WatchTold} WatchTold */
/** @typedef {import("./watch_types.js").WatchView} WatchView */

/** Alerts and the state of the watch come every 2 seconds; what is older is not current. */
export const WATCH_STALE_MS = 6000;
/** Positions come every second: what has not been told for so long is aged here. */
const TRACKS_STALE_MS = 5000;
const DEGRADED_AFTER_MS = 15_000;
const LOST_AFTER_MS = 30_000;

/** The most urgent first. */
export const URGENCIES = /** @type {const} */ (["warning", "caution", "advisory"]);
/** From the best to the worst. */
export const STATUSES = /** @type {const} */ (["current", "coasting", "degraded", "lost"]);

/** @param {import("./types.js").State} state @param {number} localMs */
export function areAlertsCurrent({ link, watch }, localMs) {
  return link === "live" && watch.alerts !== null && localMs - watch.alertsHeardMs <= WATCH_STALE_MS;
}

/** @param {import("./types.js").State} state @param {number} localMs */
export function isToldCurrent({ link, watch }, localMs) {
  return link === "live" && watch.told !== null && localMs - watch.toldHeardMs <= WATCH_STALE_MS;
}

/**
 * Tell whether nothing follows on an alert any more.
 *
 * @param {Alert} alert
 */
export function isOver({ state }) {
  return state === "cleared" || state === "ended_unseen" || state === "crowded_out";
}

/**
 * Tell what a list of alerts means. That nothing is watched, that nothing was found, and that it cannot be told
 * are three things.
 *
 * @param {Alert[]} alerts
 * @param {WatchTold} told
 * @returns {"alerts" | "nothing" | "cannot_tell" | "none"}
 */
export function verdictOf(alerts, { is_watching, blind, pairs_cannot_exclude, not_predicted_count }) {
  if (alerts.some((alert) => !isOver(alert))) return "alerts";
  if (!is_watching) return "nothing";
  return blind.length + pairs_cannot_exclude + not_predicted_count > 0 ? "cannot_tell" : "none";
}

/**
 * Return what calls for somebody: cautions and warnings that are open and that nobody acknowledged, in their order.
 *
 * @param {Alert[]} alerts
 */
export function callingOf(alerts) {
  return alerts.filter((alert) => !isOver(alert) && alert.urgency !== "advisory" && !alert.is_acknowledged);
}

/**
 * Return the feeds of which nothing comes: there may be traffic that is not seen.
 *
 * @param {WatchTold | null} told
 */
export function troubledFeeds(told) {
  return (told?.feeds ?? []).filter(({ state }) => state !== "live" && state !== "connecting");
}

/**
 * Return how many seconds are left, counted on from when it was told; never below 0.
 *
 * @param {number} seconds
 * @param {string} told  when
 * @param {number} nowMs
 */
export function secondsLeft(seconds, told, nowMs) {
  return Math.max(0, Math.round(seconds - (nowMs - msOf(told)) / 1000));
}

/**
 * Return the alert with an id, of those that the console holds.
 *
 * @param {WatchView} watch
 * @param {string | null} id
 * @returns {Alert | null}
 */
export function alertOf(watch, id) {
  if (id === null) return null;
  return [...shownAlerts(watch), ...watch.ended ?? []].find((alert) => alert.id === id) ?? null;
}

/**
 * Return the alerts that the map and the panel show: those of the moment that is replayed, else those of now.
 *
 * @param {WatchView} watch
 * @returns {Alert[]}
 */
export function shownAlerts(watch) {
  return (momentOf(watch) ?? watch.alerts)?.alerts ?? [];
}

/**
 * Return the moment of the past that is shown, null while the map shows now.
 *
 * @param {WatchView} watch
 */
export function momentOf({ replay }) {
  return replay?.moment ?? null;
}

/**
 * Return the ids of the aircraft of an alert.
 *
 * @param {Alert | null} alert
 */
export function aircraftOf(alert) {
  if (alert === null) return [];
  return (alert.kind === "encounter" ? [alert.a, alert.b] : [alert.a]).filter((id) => id !== "");
}

/**
 * Return what is marked at each track: the most urgent alert that names it, and how far it is outside.
 *
 * @param {Alert[]} alerts
 * @returns {Map<string, TrackMark>}
 */
export function marksOf(alerts) {
  /** @type {Map<string, TrackMark>} */
  const marks = new Map();
  for (const alert of alerts) {
    if (isOver(alert)) continue;
    for (const id of aircraftOf(alert)) {
      const mark = marks.get(id) ?? { urgency: null, outside: null };
      if (mark.urgency === null || URGENCIES.indexOf(alert.urgency) < URGENCIES.indexOf(mark.urgency)) mark.urgency = alert.urgency;
      if (alert.kind === "excursion" || alert.kind === "contingent") mark.outside = outsideOf(alert);
      marks.set(id, mark);
    }
  }
  return marks;
}

/**
 * Return how far an alert says that a track is outside what is declared; null where it does not say.
 *
 * @param {Alert} alert
 */
export function outsideOf({ facts: { lateral_m, vertical_m } }) {
  if (lateral_m === undefined && vertical_m === undefined) return null;
  return { lateral_m: lateral_m ?? 0, vertical_m: vertical_m ?? 0 };
}

/**
 * Return how a track is to be shown: as it was told, and worse if nothing was told of any track since.
 *
 * @param {TrackStatus} told
 * @param {number} sinceMs  how long ago
 * @returns {TrackStatus}
 */
export function shownStatus(told, sinceMs) {
  if (sinceMs <= TRACKS_STALE_MS) return told;
  const aged = sinceMs > LOST_AFTER_MS ? "lost" : sinceMs > DEGRADED_AFTER_MS ? "degraded" : "coasting";
  return STATUSES[Math.max(STATUSES.indexOf(told), STATUSES.indexOf(aged))] ?? "lost";
}

/**
 * Return how many reports a second came from each feed between two looks; what cannot be told is as it was.
 *
 * @param {WatchTold | null} before
 * @param {WatchTold} after
 * @param {Record<string, number | null>} held
 * @returns {Record<string, number | null>}
 */
export function ratesOf(before, after, held) {
  const seconds = before === null ? 0 : (msOf(after.now) - msOf(before.now)) / 1000;
  return Object.fromEntries(after.feeds.map(({ name, report_count }) => {
    const count = before?.feeds.find((feed) => feed.name === name)?.report_count;
    const came = count === undefined ? -1 : report_count - count;
    return [name, seconds > 0 && came >= 0 ? came / seconds : held[name] ?? null];
  }));
}
