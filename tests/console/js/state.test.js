import assert from "node:assert/strict";
import { test } from "node:test";

import { initialState, nodeTimeMs, partiesOf, withClock, withoutUnheld,
  withRecords } from "../../../src/keepclear/console/static/state.js";

const EMPTY = initialState({ theme: "light", language: "en", unit: "m", showsOtherTimes: true, showsTracks: true });

/**
 * @param {string} id
 * @param {number} seq
 * @returns {import("../../../src/keepclear/console/static/types.js").ItemRecord}
 */
const record = (id, seq, withdrawn = false, party = "relief") => ({
  item: { id, kind: "operational_intent", party, volumes: [] }, version: seq, seq, standing: "clear",
  by: { party, person: "x" }, at: "2026-05-01T12:00:00Z", withdrawn,
});

/**
 * @param {import("../../../src/keepclear/console/static/types.js").State} state
 * @param {import("../../../src/keepclear/console/static/types.js").ItemRecord[]} newer
 */
const take = (state, ...newer) => ({ ...state, ...withRecords(state, newer) });

test("an older version never replaces a newer one, in whatever order they come", () => {
  assert.equal(take(EMPTY, record("a", 2), record("a", 1)).records.get("a")?.seq, 2);
  assert.equal(take(EMPTY, record("a", 1), record("a", 2)).records.get("a")?.seq, 2);
});

test("a withdrawn item does not come back with a page that was asked for before", () => {
  const state = take(take(EMPTY, record("a", 2, true)), record("a", 1));
  assert.equal(state.records.size, 0);
  assert.equal(take(state, record("a", 3)).records.size, 1);
});

test("after everything was asked for, what the node no longer holds goes, and what came since stays", () => {
  const state = take(EMPTY, record("gone", 1), record("held", 2), record("new", 9));
  assert.deepEqual([...withoutUnheld(state, new Set(["held"]), 5).records?.keys() ?? []], ["held", "new"]);
});

test("a party keeps its place, and so its mark, when another one comes", () => {
  assert.deepEqual(partiesOf(["beta", "alpha", undefined], ["relief"]), ["relief", "alpha", "beta"]);
  assert.deepEqual(partiesOf(["aaa", "relief"], ["relief", "alpha"]), ["relief", "alpha", "aaa"]);
});

test("the node's time runs at the node's speed, whatever the clock of the page says", () => {
  const state = { ...EMPTY, ...withClock({ now: "2015-09-28T08:00:00Z", speed: 4 }, 1000) };
  assert.equal(nodeTimeMs(state, 3000) - Date.parse("2015-09-28T08:00:00Z"), 8000);
});
