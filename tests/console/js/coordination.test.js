import assert from "node:assert/strict";
import { test } from "node:test";

import { coordinatedOf, differenceOf, drawable, localIdOf, negotiationsOver, troubles,
  unacknowledged } from "../../../src/keepclear/console/static/coordination.js";

/** @typedef {import("../../../src/keepclear/console/static/types.js").Coordinated} Coordinated */
/** @typedef {import("../../../src/keepclear/console/static/types.js").Negotiation} Negotiation */
/** @typedef {import("../../../src/keepclear/console/static/types.js").Party} Party */

const AT = "2026-05-01T10:42:00Z";
const OWN = "relief";
const SAID = { person: "Dana", at: AT, n: 3 };

/**
 * @param {string} party
 * @param {Partial<import("../../../src/keepclear/console/static/types.js").Receipt>} [parts]
 */
const receipt = (party, parts = {}) => ({
  party, concerned: true, delivered: true, delivered_at: AT, seen: null, answered: null, since: AT, ...parts,
});

/**
 * @param {Partial<Coordinated>} parts
 * @returns {Coordinated}
 */
const coordinated = (parts) => ({
  id: "a", ref: { party: OWN, id: "a", version: 2 }, n: 1, state: "waiting", stated_at: AT, receipts: [], conflicts: [],
  open_conflicts: [], ...parts,
});

/**
 * @param {number} version
 * @param {string} at
 * @returns {import("../../../src/keepclear/console/static/types.js").ItemRecord}
 */
const record = (version, at = AT, id = "a") => ({
  item: { id, kind: "operational_intent", volumes: [] }, version, seq: 1, standing: "clear",
  by: { party: OWN, person: "x" }, at, withdrawn: false,
});

/**
 * @param {string} start
 * @param {string} end
 * @returns {import("../../../src/keepclear/console/static/types.js").Item}
 */
const item = (start = "10:00", end = "11:00", lower = 100, upper = 200, lng = 36) => ({
  id: "a", kind: "operational_intent", party: OWN,
  volumes: [{
    volume: {
      outline_circle: { center: { lat: 35, lng }, radius: { value: 500, units: "M" } },
      altitude_lower: { value: lower, reference: "W84", units: "M" },
      altitude_upper: { value: upper, reference: "W84", units: "M" },
    },
    time_start: { value: `2026-05-01T${start}:00Z`, format: "RFC3339" },
    time_end: { value: `2026-05-01T${end}:00Z`, format: "RFC3339" },
  }],
});

test("receipts of one version say nothing of another", () => {
  const items = new Map([["a", coordinated({})]]);
  assert.equal(coordinatedOf(record(2), items, OWN), items.get("a"));
  assert.equal(coordinatedOf(record(3), items, OWN), null);
  assert.equal(coordinatedOf(record(2, "2026-05-01T10:42:01Z"), items, OWN), null);
});

test("a version of another party counts by when it was stated, since this node may count higher", () => {
  const theirs = coordinated({ id: "north:a", ref: { party: "north", id: "a", version: 2 } });
  const items = new Map([["north:a", theirs]]);
  assert.equal(coordinatedOf(record(5, AT, "north:a"), items, OWN), theirs);
});

test("what is not known is null, and never a receipt without a tick", () => {
  assert.equal(coordinatedOf(record(2), null, OWN), null);
  assert.equal(coordinatedOf(record(2), new Map(), OWN), null);
});

test("what no officer of ours has acknowledged waits, unless it is over or does not concern us", () => {
  const of = (/** @type {Partial<Coordinated>} */ parts) => unacknowledged(new Map([["a", coordinated(parts)]]), OWN).length;
  assert.equal(of({ receipts: [receipt(OWN), receipt("east", { seen: SAID })] }), 1);
  assert.equal(of({ receipts: [receipt(OWN, { answered: SAID })] }), 1);
  assert.equal(of({ receipts: [receipt(OWN, { seen: SAID })] }), 0);
  assert.equal(of({ receipts: [receipt(OWN, { concerned: false })] }), 0);
  assert.equal(of({ receipts: [receipt("east")] }), 0);
  assert.equal(of({ receipts: [receipt(OWN)], state: "over" }), 0);
});

test("an item of another party is found by its party and id", () => {
  assert.equal(localIdOf({ party: OWN, id: "a", version: 1 }, OWN), "a");
  assert.equal(localIdOf({ party: "north", id: "a", version: 1 }, OWN), "north:a");
});

test("proposals for a conflict are found whichever side is named first, those that wait first", () => {
  /** @type {(id: string, state: Negotiation["state"]) => Negotiation} */
  const negotiation = (id, state) => ({
    id, by: "north", to: OWN, state, changes: [], counters: null, answer: null,
    conflict: [{ party: "north", id: "b", version: 1 }, { party: OWN, id: "a", version: 2 }],
  });
  const all = [negotiation("north/1", "declined"), negotiation("north/2", "accepted"), negotiation("north/3", "proposed")];
  const ids = (/** @type {string} */ one, /** @type {string} */ two) => negotiationsOver(all, one, two, OWN).map(({ id }) => id);
  assert.deepEqual(ids("a", "north:b"), ids("north:b", "a"));
  assert.equal(ids("a", "north:b").at(-1), "north/1");
  assert.deepEqual(ids("a", "north:c"), []);
});

test("a link that is not up, or was cut here, and a log that is frozen are troubles", () => {
  /** @type {(id: string, link: Partial<import("../../../src/keepclear/console/static/types.js").PeerLink> | null, frozen?: string | null) => Party} */
  const party = (id, link, frozen = null) => ({
    id, name: id, is_own: false, pinned_at: AT, words: [], log: { size: 1, root: "", frozen, withheld: 0 },
    link: link === null ? null : {
      party: id, state: "up", switched_off: false, address: null, last_heard: AT, clock_offset_ms: null, clock_error_ms: null,
      their_head: {}, ours_as_they_have_it: null, error: null, refused: [], ...link,
    },
  });
  const { unheard, frozen } = troubles([party("up", {}), party("late", { state: "late" }), party("cut", { state: "cut" }),
    party("off", { switched_off: true }), party("alone", null, "a fork")]);
  assert.deepEqual(unheard.map(({ id }) => id), ["late", "cut", "off"]);
  assert.deepEqual(frozen.map(({ id }) => id), ["alone"]);
  assert.deepEqual(troubles(null), { unheard: [], frozen: [] });
});

test("what another party wrote is drawn only if it has everything that a drawing needs", () => {
  const ref = { party: "north", id: "a", version: 1 };
  assert.equal(drawable(item(), ref, OWN)?.id, "north:a");
  /** @type {unknown[]} */
  const broken = [null, 1, "x", [], {}, { kind: "operational_intent" }, { ...item(), volumes: [] }, { ...item(), volumes: 3 },
    { ...item(), volumes: [{}] }, { ...item(), kind: "target" }, item("25:00"), item("10:00", "11:00", NaN), item("10:00", "11:00", 1, 2, Infinity)];
  for (const each of broken) assert.equal(drawable(each, ref, OWN), null, JSON.stringify(each));
});

test("a difference is one number where all of an item moves by it, and else none", () => {
  assert.deepEqual(differenceOf(item(), item()), { time_shift_s: 0, altitude_shift_m: 0, isElsewhere: false });
  assert.deepEqual(differenceOf(item(), item("10:45", "11:45")), { time_shift_s: 2700, altitude_shift_m: 0, isElsewhere: false });
  assert.deepEqual(differenceOf(item(), item("10:00", "11:00", 50, 150)), { time_shift_s: 0, altitude_shift_m: -50, isElsewhere: false });
  assert.deepEqual(differenceOf(item(), item("10:00", "10:30", 100, 150, 37)), { time_shift_s: null, altitude_shift_m: null, isElsewhere: true });
});
