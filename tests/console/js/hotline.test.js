import assert from "node:assert/strict";
import { test } from "node:test";

import { askedOf, drawablePlace, GROUPS, groupsOf, missingFields, newMessage, positionOf, toneOf, troubledChannels, waitingFor, waitsFor }
  from "../../../src/keepclear/console/static/hotline.js";
import { differsIn } from "../../../src/keepclear/console/static/signing/deed.js";
import { KEY_IDLE_MAX_MS, KEY_UNLOCKED_MAX_MS, KeyHolder } from "../../../src/keepclear/console/static/signing/officer.js";

const NOW = 1_800_000_000_500;
const message = (parts) => ({ ref: { party: "north", n: 1 }, to: "relief", ours: false, seen: null, state: "open", priority: "routine",
  drill: null, corrected_by: null, sent_at: "2026-05-01T10:00:00Z", ...parts });
const seen = { person: "Dana", at: "2026-05-01T10:01:00Z", n: 4 };
const type = { code: "request_later", priority: "safety", valid_s: 3600, speaker: "officer", answers: ["unable"],
  fields: [{ name: "item", kind: "item", needed: true }, { name: "at", kind: "position", needed: false }] };

test("a message waits for whom it is addressed to until it is read and, if it wants that, answered", () => {
  assert.equal(waitsFor(message(), "relief"), true);
  assert.equal(waitsFor(message(), "south"), false);
  assert.equal(waitsFor(message({ ours: true }), "relief"), false);
  assert.equal(waitsFor(message({ corrected_by: { party: "north", n: 2 } }), "relief"), false);
  for (const state of ["open", "standby", "timed_out"]) assert.equal(waitsFor(message({ seen, state }), "relief"), true);
  for (const state of ["closed", "lapsed", null]) assert.equal(waitsFor(message({ seen, state }), "relief"), false);
  assert.equal(waitsFor(message({ state: null }), "relief"), true);
});

test("distress stands before safety and routine, what is meant before exercises, the oldest first", () => {
  const drill = message({ priority: "distress", drill: "friday" });
  const routine = message({});
  const [late, early] = ["11", "10"].map((hour) => message({ priority: "safety", sent_at: `2026-05-01T${hour}:00:00Z` }));
  const distress = message({ priority: "distress" });
  assert.deepEqual(waitingFor([drill, routine, late, early, distress], "relief"), [distress, early, late, routine, drill]);
});

test("the tone is that of the most urgent, an exercise and what is in hand call like routine, nothing calls not", () => {
  assert.equal(toneOf([], "relief"), null);
  assert.equal(toneOf([message({ priority: "distress", drill: "friday" })], "relief"), "routine");
  assert.equal(toneOf([message({ priority: "safety", seen, state: "standby" })], "relief"), "routine");
  assert.equal(toneOf([message({ priority: "safety", seen, state: "timed_out" }), message({})], "relief"), "safety");
  assert.equal(toneOf([message({ priority: "safety" }), message({ priority: "distress" })], "relief"), "distress");
});

test("a line is in trouble if either side says so, or fallback applies", () => {
  const channel = (parts) => ({ state: "open", theirs: null, fallback: { applies: false }, ...parts });
  assert.deepEqual(troubledChannels(null), []);
  assert.deepEqual(troubledChannels([channel(), channel({ theirs: { state: "degraded" } }), channel({ theirs: { state: "hold" } })]), []);
  for (const parts of [{ state: "hold" }, { state: "down" }, { theirs: { state: "down" } }, { fallback: { applies: true } }]) {
    assert.equal(troubledChannels([channel(parts)]).length, 1);
  }
});

test("what may be begun is in one group each, what only answers in none, and an unknown code is not lost", () => {
  const names = GROUPS.flatMap(([, codes]) => codes);
  assert.equal(new Set(names).size, names.length);
  const catalogue = { codes: [type, { ...type, code: "unable", answers: [] }, { ...type, code: "new_one" }, { ...type, code: "channel", speaker: "node" }] };
  const grouped = groupsOf(catalogue).flatMap(([, types]) => types.map(({ code }) => code));
  assert.deepEqual(grouped, ["request_later", "new_one"]);
});

test("a message is asked for whole, so that the node fills in nothing", () => {
  const item = { party: "relief", id: "relief/drop", version: 1 };
  const asked = askedOf(newMessage({ to: "north", code: "request_later", fields: { item, at: [null, 1], other: 1 } }), type, NOW);
  assert.deepEqual(asked, { kind: "send_message", message: { code: "request_later", to: "north", fields: { item }, priority: "safety", valid_until: 1_800_003_600_000 } });
  const payload = JSON.stringify({ v: 1, t: NOW, nonce: "1", party: "relief", person: "Dana", ...asked });
  assert.equal(differsIn(payload, { party: "relief", person: "Dana", ...asked }, NOW), null);
});

test("an answer is as urgent as what it answers, and names it", () => {
  const answers = message({ priority: "distress" });
  const asked = askedOf(newMessage({ to: "north", code: "roger", answers, drill: "friday" }), { ...type, fields: [] }, NOW);
  assert.deepEqual(asked.message.answers, answers.ref);
  assert.equal(asked.message.priority, "distress");
  assert.equal(asked.message.drill, "friday");
  assert.equal("fields" in asked.message, false);
});

test("a message lacks what it needs and has not, and half a position is none", () => {
  assert.deepEqual(missingFields(newMessage({}), type), ["item"]);
  assert.deepEqual(missingFields(newMessage({ fields: { item: {} } }), type), []);
  const needed = { ...type, fields: [{ name: "at", kind: "position", needed: true }] };
  assert.deepEqual(missingFields(newMessage({ fields: { at: [3_500_000, null] } }), needed), ["at"]);
  assert.deepEqual(missingFields(newMessage({ fields: { at: [0, 0] } }), needed), []);
});

test("a place is told in the steps of messages, within their bounds", () => {
  assert.deepEqual(positionOf({ lat: 35.400004, lng: 36.1 }), [3_540_000, 3_610_000]);
  assert.deepEqual(positionOf({ lat: 0, lng: 180 }), [0, -18_000_000]);
  assert.deepEqual(positionOf({ lat: -90, lng: -180 }), [-9_000_000, -18_000_000]);
});

test("a key is locked after an hour without a touch, after twelve hours whatever is touched, and by a clock set back", () => {
  const holder = () => Object.assign(new KeyHolder(), { key: {}, unlockedMs: NOW, touchedMs: NOW });
  assert.equal(new KeyHolder().isOver(NOW), false);
  assert.equal(holder().isOver(NOW + KEY_IDLE_MAX_MS - 1), false);
  assert.equal(holder().isOver(NOW + KEY_IDLE_MAX_MS), true);
  assert.equal(holder().isOver(NOW - KEY_IDLE_MAX_MS), true);
  const touched = holder();
  for (let at = NOW; at < NOW + KEY_UNLOCKED_MAX_MS; at += KEY_IDLE_MAX_MS / 2) {
    touched.touch(at);
    assert.equal(touched.isOver(at), false);
  }
  touched.touch(NOW + KEY_UNLOCKED_MAX_MS);
  assert.equal(touched.isOver(NOW + KEY_UNLOCKED_MAX_MS), true);
  const late = holder();
  late.touch(NOW + KEY_IDLE_MAX_MS);
  assert.equal(late.isOver(NOW + KEY_IDLE_MAX_MS), true, "a touch that comes too late unlocks nothing");
});

test("a key that was locked while it was being unlocked stays locked", async () => {
  const holder = new KeyHolder();
  const unlocking = holder.unlock("no key", "", NOW).catch((error) => error.reason);
  holder.lock();
  assert.equal(await unlocking, "no_key_file");
  assert.equal(holder.key, null);
});

test("a place is drawn as a circle of the radius that was told, and where none is named nothing is", () => {
  const placed = { ...type, fields: [{ name: "at", kind: "position", needed: true }] };
  const told = message({ number: "north 1", valid_until: "2026-05-01T11:00:00Z", fields: { at: [3_540_000, -3_610_000], radius: 800 } });
  const { volume } = drawablePlace(told, placed).volumes[0];
  assert.deepEqual(volume.outline_circle, { center: { lat: 35.4, lng: -36.1 }, radius: { value: 800, units: "M" } });
  assert.equal(drawablePlace({ ...told, fields: { at: [0, 0] } }, placed).volumes[0].volume.outline_circle.radius.value, 500);
  assert.equal(drawablePlace({ ...told, fields: {} }, placed), null);
});
