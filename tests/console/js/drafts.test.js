import assert from "node:assert/strict";
import { test } from "node:test";

import { draftOf, emptyDraft, itemOf, missingIn, newShape, suggestedId, volumesOf, withEveryShape,
} from "../../../src/keepclear/console/static/drafts.js";

const NOON_MS = Date.parse("2026-05-01T12:00:00Z");
const PLACES = [{ lat: 35, lng: 36 }, { lat: 35.1, lng: 36.1 }, { lat: 35.2, lng: 36 }];

/** @param {import("../../../src/keepclear/console/static/types.js").DraftShape["type"]} type */
const shape = (type, points = PLACES) => ({ ...newShape(type, undefined, NOON_MS), points });

test("a corridor of two legs becomes two volumes that join", () => {
  const [first, second] = volumesOf(shape("corridor"));
  assert.deepEqual(first?.volume.outline_corridor?.end, second?.volume.outline_corridor?.start);
  assert.equal(first?.volume.outline_corridor?.half_width_m, 500);
});

test("a height left empty is left out: unbounded is not zero", () => {
  const [volume] = volumesOf({ ...shape("polygon"), lower_m: null });
  assert.equal("altitude_lower" in (volume?.volume ?? {}), false);
  assert.equal(volume?.volume.altitude_upper?.value, 300);
});

test("a longitude over 180 from the map is sent as the API wants it", () => {
  const [volume] = volumesOf(shape("circle", [{ lat: 0, lng: 190 }]));
  assert.equal(volume?.volume.outline_circle?.center.lng, -170);
});

test("what is amended without a change is declared as it was", () => {
  const draft = { ...emptyDraft("relief/1"), shapes: [shape("polygon"), shape("circle", PLACES.slice(0, 1)), shape("corridor", PLACES.slice(0, 2))] };
  const item = itemOf(draft, "relief");
  assert.deepEqual(itemOf(draftOf(item, 3), "relief"), item);
});

test("moving all shapes by nothing changes nothing", () => {
  const draft = { ...emptyDraft("relief/1"), shapes: [shape("polygon")] };
  assert.deepEqual(withEveryShape(draft, () => ({})), draft);
});

test("a draft says what is missing, and nothing once it is whole", () => {
  assert.deepEqual(missingIn(emptyDraft("")), ["draft.missing.id", "draft.missing.shape"]);
  const few = { ...emptyDraft("a"), shapes: [shape("polygon", PLACES.slice(0, 2))] };
  assert.deepEqual(missingIn(few), ["draft.missing.points"]);
  const twisted = { ...shape("polygon"), lower_m: 400, startMs: NOON_MS + 1, endMs: NOON_MS };
  assert.deepEqual(missingIn({ ...emptyDraft("a"), shapes: [twisted] }), ["draft.missing.heights", "draft.missing.times"]);
  assert.deepEqual(missingIn({ ...emptyDraft("a"), shapes: [shape("polygon")] }), []);
});

test("an id that is taken is not suggested", () => {
  assert.equal(suggestedId("relief", (id) => id !== "relief/3"), "relief/3");
});
