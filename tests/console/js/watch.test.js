import assert from "node:assert/strict";
import { test } from "node:test";

import { preparedFor } from "../../../src/keepclear/console/static/prepared.js";
import { itemsOf, nearestMs, nextMs } from "../../../src/keepclear/console/static/replayed.js";
import { initialState, NO_WATCH } from "../../../src/keepclear/console/static/state.js";
import { toneNow } from "../../../src/keepclear/console/static/tones.js";
import { projected, Tracks } from "../../../src/keepclear/console/static/tracks.js";
import { aircraftOf, alertOf, areAlertsCurrent, callingOf, isOver, marksOf, ratesOf, secondsLeft, shownAlerts, shownStatus,
  troubledFeeds, verdictOf } from "../../../src/keepclear/console/static/watch.js";

const NOW = "2026-05-01T12:00:00Z";
const NOW_MS = Date.parse(NOW);

/** @typedef {import("../../../src/keepclear/console/static/watch_types.js").Alert} Alert */
/** @typedef {import("../../../src/keepclear/console/static/watch_types.js").WatchTrack} WatchTrack */

/** @param {Partial<Alert>} [parts] @returns {Alert} */
const alert = (parts = {}) => ({
  id: "A-000001", kind: "encounter", a: "a", b: "b", state: "open", urgency: "caution", peak_urgency: "caution", is_present: false,
  t_in_s: 40, opened: NOW, changed: NOW, ended: null, unseen_since: null, present_since: null, present_s: 0, rule: null, level: null,
  item: null, item_version: null, facts: {}, cause: "", is_acknowledged: false, climbed: 0, history: [], paths: {}, ...parts,
});

/** @param {Partial<import("../../../src/keepclear/console/static/watch_types.js").WatchTold>} [parts] */
const told = (parts = {}) => ({
  now: NOW, is_watching: true, rule_set: "en-route", cycle_ms: 1, feeds: [], by_status: {}, track_count: 0, pairs_cannot_exclude: 0,
  not_predicted_count: 0, blind: [], ...parts,
});

/** @param {Partial<WatchTrack>} [parts] @returns {WatchTrack} */
const track = (parts = {}) => ({ id: "a", at: NOW, lat: 35, lng: 36, status: "current", age_s: 1, error_m: 10, ...parts });

/** @param {string} name @param {any} state @param {number} report_count */
const feed = (name, state, report_count = 0) => /** @type {any} */ ({ name, state, report_count });

// -- what a list means ------------------------------------------------------------------------------

test("nothing watched, no alert, and cannot tell are three things", () => {
  assert.equal(verdictOf([], told({ is_watching: false })), "nothing");
  assert.equal(verdictOf([], told()), "none");
  assert.equal(verdictOf([], told({ blind: ["feed x is silent"] })), "cannot_tell");
  assert.equal(verdictOf([alert()], told({ blind: ["x"] })), "alerts");
});

test("what is not seen any more is still an alert, what is cleared is none", () => {
  assert.equal(verdictOf([alert({ state: "unseen" })], told()), "alerts");
  assert.equal(verdictOf([alert({ state: "cleared" })], told()), "none");
  assert.equal(isOver(alert({ state: "fading" })), false);
  assert.equal(isOver(alert({ state: "ended_unseen" })), true);
});

test("cautions and warnings call until somebody acknowledged them, though nothing is heard any more", () => {
  const alerts = [alert({ id: "1", urgency: "warning", state: "unseen" }), alert({ id: "2" }), alert({ id: "3", urgency: "advisory" }),
    alert({ id: "4", is_acknowledged: true }), alert({ id: "5", state: "cleared" })];
  assert.deepEqual(callingOf(alerts).map(({ id }) => id), ["1", "2"]);
});

test("alerts are current only while the node is heard and they are told", () => {
  const state = initialState({ theme: "light", language: "en", unit: "m", showsOtherTimes: true, showsTracks: true });
  const alerts = { now: NOW, alerts: [], unlisted_count: 0 };
  const live = { ...state, link: /** @type {const} */ ("live"), watch: { ...NO_WATCH, alerts, alertsHeardMs: 1000 } };
  assert.equal(areAlertsCurrent(live, 3000), true);
  assert.equal(areAlertsCurrent(live, 9000), false);
  assert.equal(areAlertsCurrent({ ...live, link: "cut" }, 3000), false);
  assert.equal(areAlertsCurrent({ ...live, watch: NO_WATCH }, 0), false);
});

test("feeds that give nothing are told, those that connect are not yet", () => {
  const feeds = ["live", "connecting", "silent", "waiting", "ended", "failed"].map((state) => feed(state, state));
  assert.deepEqual(troubledFeeds(told({ feeds })).map(({ name }) => name), ["silent", "waiting", "ended", "failed"]);
  assert.deepEqual(troubledFeeds(null), []);
});

test("seconds count down from when they were told and never below none", () => {
  assert.equal(secondsLeft(40, NOW, NOW_MS + 15_000), 25);
  assert.equal(secondsLeft(40, NOW, NOW_MS + 60_000), 0);
});

test("the rate of a feed is told by two looks, and one that began anew keeps what was known", () => {
  const before = told({ feeds: [feed("a", "live", 100), feed("b", "live", 50)] });
  const after = told({ now: "2026-05-01T12:00:02Z", feeds: [feed("a", "live", 300), feed("b", "live", 10), feed("c", "live", 7)] });
  assert.deepEqual(ratesOf(before, after, { b: 3 }), { a: 100, b: 3, c: null });
  assert.deepEqual(ratesOf(null, before, {}), { a: null, b: null });
});

test("a track is marked with the most urgent alert that names it, and with how far it is outside", () => {
  const marks = marksOf([alert({ urgency: "advisory" }), alert({ b: "c", urgency: "warning" }), alert({ a: "d", state: "cleared" }),
    alert({ kind: "excursion", a: "e", b: "item", facts: { lateral_m: 640, vertical_m: 0 } })]);
  assert.equal(marks.get("a")?.urgency, "warning");
  assert.equal(marks.get("b")?.urgency, "advisory");
  assert.equal(marks.get("d"), undefined);
  assert.deepEqual(marks.get("e")?.outside, { lateral_m: 640, vertical_m: 0 });
  assert.equal(marks.get("item"), undefined); // an item is no aircraft
  assert.deepEqual(aircraftOf(alert({ kind: "not_seen", a: "", b: "item" })), []);
});

test("while the past is shown its alerts are, and those of now come back", () => {
  const alerts = { now: NOW, alerts: [alert({ id: "now" })], unlisted_count: 0 };
  const moment = /** @type {any} */ ({ at: NOW, alerts: [alert({ id: "then" })] });
  const replay = { status: /** @type {const} */ ("known"), atMs: 0, moment, items: new Map(), speed: 0, error: "" };
  assert.deepEqual(shownAlerts({ ...NO_WATCH, alerts, replay }).map(({ id }) => id), ["then"]);
  assert.deepEqual(shownAlerts({ ...NO_WATCH, alerts, replay: { ...replay, moment: null } }).map(({ id }) => id), ["now"]);
  assert.equal(alertOf({ ...NO_WATCH, alerts, replay }, "now"), null);
});

// -- tracks -----------------------------------------------------------------------------------------

test("where no positions are told any more, what is shown grows old, and never young", () => {
  assert.equal(shownStatus("current", 1000), "current");
  assert.equal(shownStatus("current", 7000), "coasting");
  assert.equal(shownStatus("current", 20_000), "degraded");
  assert.equal(shownStatus("current", 40_000), "lost");
  assert.equal(shownStatus("lost", 7000), "lost");
});

test("a list of positions replaces the one before, and what is not in it is gone", () => {
  const tracks = new Tracks();
  tracks.take([track(), track({ id: "b" })], 0);
  tracks.take([track({ lat: 36 })], 1000);
  assert.deepEqual([...tracks.held.keys()], ["a"]);
  assert.equal(tracks.held.get("a")?.trail.length, 2);
});

test("a trail holds places that differ, the latest few", () => {
  const tracks = new Tracks();
  for (let step = 0; step < 30; step += 1) tracks.take([track({ lat: 30 + Math.floor(step / 2) / 10 })], step);
  assert.equal(tracks.held.get("a")?.trail.length, 16);
});

test("a moment of the past is shown in place of what is now, which is still taken", () => {
  const tracks = new Tracks();
  tracks.take([track()], 0);
  tracks.showMoment({ tracks: [track({ id: "then" })], trails: { then: [{ at: NOW, lat: 35, lng: 36, altitude_m: null }] } });
  tracks.take([track(), track({ id: "b" })], 0);
  assert.deepEqual([...tracks.shown.keys()], ["then"]);
  assert.equal(tracks.shown.get("then")?.trail.length, 2);
  assert.equal(tracks.sinceMs(99_999), 0);
  tracks.showMoment(null);
  assert.deepEqual([...tracks.shown.keys()], ["a", "b"]);
});

test("degraded and lost tracks are counted as old", () => {
  const tracks = new Tracks();
  tracks.take([track(), track({ id: "b", status: "coasting" }), track({ id: "c", status: "lost" })], 0);
  assert.deepEqual(tracks.summary(0), { count: 3, staleCount: 1 });
  assert.deepEqual(tracks.summary(60_000), { count: 3, staleCount: 3 });
});

test("a pole is at the edge of the map and nowhere else", () => {
  assert.ok(Number.isFinite(projected({ lat: 90, lng: 0 }).y));
  assert.equal(Math.round(projected({ lat: 0, lng: 180 }).x), 20_037_508);
});

// -- tones ------------------------------------------------------------------------------------------

test("a warning sounds before all but distress, and with distress each has its turn", () => {
  assert.equal(toneNow(null, true, 0), "warning");
  assert.equal(toneNow("safety", true, 0), "warning");
  assert.equal(toneNow("safety", false, 0), "safety");
  assert.deepEqual([0, 5000, 10_000].map((nowMs) => toneNow("distress", true, nowMs)), ["warning", "distress", "warning"]);
});

// -- replay -----------------------------------------------------------------------------------------

const SPANS = [
  { start: "2026-05-01T10:00:00Z", end: "2026-05-01T10:10:00Z", report_count: 1, bytes_count: 1 },
  { start: "2026-05-01T11:00:00Z", end: NOW, report_count: 1, bytes_count: 1 },
];

test("a replay goes over a gap to where the recording goes on, and ends with it", () => {
  const at = (/** @type {string} */ time) => Date.parse(`2026-05-01T${time}Z`);
  assert.equal(nextMs(at("10:05:00"), 1000, SPANS), at("10:05:01"));
  assert.equal(nextMs(at("10:09:59"), 5000, SPANS), at("11:00:00"));
  assert.equal(nextMs(at("12:00:00"), 1000, SPANS), null);
  assert.equal(nextMs(at("12:00:00"), 1000, []), null);
});

test("the nearest moment is one of which there is a recording", () => {
  const at = (/** @type {string} */ time) => Date.parse(`2026-05-01T${time}Z`);
  assert.equal(nearestMs(at("10:20:00"), SPANS), at("10:10:00"));
  assert.equal(nearestMs(at("13:00:00"), SPANS), at("12:00:00"));
  assert.equal(nearestMs(at("11:30:00"), SPANS), at("11:30:00"));
  assert.equal(nearestMs(0, []), null);
});

test("an item that did not change from one moment to the next stays the same object", () => {
  const moment = (/** @type {any[]} */ items) => /** @type {any} */ ({ items: structuredClone(items) });
  const before = itemsOf(moment([{ id: "a", volumes: [] }, { id: "b", volumes: [] }, { id: 7 }]), new Map());
  const after = itemsOf(moment([{ id: "a", volumes: [] }, { id: "b", volumes: [], state: "Ended" }]), before);
  assert.deepEqual([...before.keys()], ["a", "b"]);
  assert.equal(after.get("a"), before.get("a"));
  assert.notEqual(after.get("b"), before.get("b"));
});

test("records are taken for items too, those that are withdrawn are not", () => {
  const records = [{ item: { id: "a", volumes: [] }, version: 2 }, { item: { id: "b", volumes: [] }, version: 1, withdrawn: true }];
  assert.deepEqual([...itemsOf(/** @type {any} */ ({ items: records }), new Map()).keys()], ["a"]);
});

// -- messages ---------------------------------------------------------------------------------------

/** @param {Record<string, WatchTrack>} held @param {Partial<Alert>} [parts] */
const codesFor = (held, parts = {}, parties = ["north"]) =>
  preparedFor(alert(parts), "relief", (id) => held[id] ?? null, parties).map(({ prepared, items }) => ({ ...prepared, items }));

test("an encounter of two declared operations is a conflict notice to the party of the other", () => {
  const held = { a: track({ party: "relief", callsign: "RELIEF1", operation: "relief/drop", altitude_m: 1500.4, track_deg: 359.8, ground_speed_mps: 90.2 }),
    b: track({ id: "b", party: "north", callsign: "north12", operation: "north/patrol" }) };
  const [first, ...others] = codesFor(held);
  assert.deepEqual({ code: first?.code, to: first?.to, items: first?.items },
    { code: "conflict_notice", to: "north", items: { ours: "relief/drop", yours: "north/patrol" } });
  assert.deepEqual(others.map(({ code }) => code), ["request_position", "flight_parameters", "unanswered_call"]);
  assert.deepEqual(others[0]?.fields, { call_sign: "NORTH12" });
  assert.deepEqual(others[1]?.fields, { call_sign: "RELIEF1", at: [3_500_000, 3_600_000], height: [1500, "m", "W84"], track: 0, speed: 90 });
});

test("of a track of no party it is asked whose it is, and of one without a callsign who it is", () => {
  assert.equal(codesFor({ a: track({ callsign: "XY1" }) }, { kind: "undeclared", b: "" })[0]?.code, "is_yours");
  const [first] = codesFor({ a: track({ callsign: "strange sign" }) }, { kind: "undeclared", b: "" });
  assert.equal(first?.code, "request_identity");
  assert.deepEqual(first?.fields, { at: [3_500_000, 3_600_000], seen_at: NOW_MS });
  assert.equal(first?.to, "north");
});

test("where several parties may be meant, or none has a line, the officer chooses", () => {
  assert.equal(codesFor({ a: track() }, { kind: "undeclared", b: "" }, ["north", "south"])[0]?.to, "");
  assert.equal(codesFor({ a: track({ party: "east", callsign: "E1" }) }, { kind: "lost", b: "" })[0]?.to, "");
});

test("of what is ours alone, and of what is not known any more, nothing is prepared", () => {
  assert.deepEqual(codesFor({ a: track({ party: "relief" }) }, { kind: "excursion", b: "relief/drop" }), []);
  assert.deepEqual(codesFor({}), []);
});
