/**
 * The state that the console starts with, and the changes of it that need thought.
 *
 * Each function takes the state (or a part) and returns the parts that are new; none changes what it
 * is given.
 */

import { msOf } from "./times.js";

/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").ItemRecord} ItemRecord */

/** Without a clock event for so long, what is shown may be out of date. */
export const STALE_AFTER_MS = 6000;

/** @type {import("./types.js").DraftOutcome} */
export const NO_OUTCOME = { status: "none", answer: null, findings: [], error: "", faults: [] };

/** @type {import("./types.js").Selection} */
export const NOTHING_SELECTED = { findingKey: null, itemId: null, trackId: null, alertId: null };

/** @type {import("./types.js").CoordinationState} */
export const NOTHING_KNOWN = {
  status: "unknown", error: "", parties: null, items: null, negotiations: null, agreements: null, holds: null, evidence: null,
};

/** @type {import("./hotline_types.js").HotlineState} */
export const NO_HOTLINE = {
  status: "unknown", error: "", catalogue: null, channels: null, open: null, isOpenWhole: true, messages: null, next: null, unnumbered: [], unnumbered_more: 0, drills: null,
  report: null, filter: { party: "", isOpenOnly: false },
};

/** @type {import("./watch_types.js").WatchView} */
export const NO_WATCH = {
  alerts: null, alertsHeardMs: 0, told: null, toldHeardMs: 0, rates: {}, ended: null, acting: {}, detail: null, spans: null, spansError: "", replay: null,
};

/** @type {import("./hotline_types.js").OfficerState} */
export const LOCKED = { status: "locked", person: "", kid: "", refused: "" };

/**
 * @param {import("./types.js").Preferences} preferences
 * @returns {State}
 */
export function initialState(preferences) {
  return {
    sessionStatus: "asking",
    session: null,
    signInError: "",
    clock: null,
    nowMs: 0,
    link: "connecting",
    heardLocalMs: 0,
    itemsStatus: "loading",
    records: new Map(),
    withdrawn: new Map(),
    parties: [],
    conflicts: { status: "loading", answer: null, error: "" },
    showsOwnFindingsOnly: false,
    selection: NOTHING_SELECTED,
    chosenMs: null,
    span: "all",
    preview: null,
    resolution: null,
    draft: null,
    outcome: NO_OUTCOME,
    drawing: "none",
    upload: null,
    panel: "conflicts",
    coordination: NOTHING_KNOWN,
    watch: NO_WATCH,
    hotline: NO_HOTLINE,
    officer: LOCKED,
    signing: null,
    compose: null,
    suggested: null,
    sound: { isAllowed: false, mutedUntilMs: 0 },
    voice: null,
    paper: null,
    had: { party: "", atMs: null, status: "none", answer: null, error: "" },
    linkParty: "",
    filter: { text: "", party: "", kind: "", state: "", coordination: "" },
    preferences,
    catalogue: {},
    message: { text: "", isUrgent: false, number: 0 },
    dialog: "none",
    isGuideOpen: true,
    idsInView: [],
    tracks: { count: 0, staleCount: 0 },
  };
}

/**
 * Return the node's time at this moment of the page's own clock.
 *
 * The clock of the machine that shows the page is never used: it may be wrong, and a demonstration
 * runs in a time of its own.
 *
 * @param {State} state
 * @param {number} localMs
 */
export function nodeTimeMs({ clock }, localMs) {
  return clock === null ? 0 : clock.nodeMs + (localMs - clock.localMs) * clock.speed;
}

/**
 * Take over what the node says about its time.
 *
 * @param {{now: string, speed: number}} said
 * @param {number} localMs
 * @returns {Partial<State>}
 */
export function withClock(said, localMs) {
  const nodeMs = msOf(said.now);
  return { clock: { nodeMs, localMs, speed: said.speed }, nowMs: nodeMs, heardLocalMs: localMs, link: "live" };
}

/**
 * Take over records, each unless a later version of it is held.
 *
 * @param {State} state
 * @param {Iterable<ItemRecord>} newer
 * @returns {Partial<State>}
 */
export function withRecords(state, newer) {
  const records = new Map(state.records);
  const withdrawn = new Map(state.withdrawn);
  for (const record of newer) {
    const { id } = record.item;
    if (record.seq < Math.max(records.get(id)?.seq ?? 0, withdrawn.get(id) ?? 0)) continue;
    if (record.withdrawn) {
      records.delete(id);
      withdrawn.set(id, record.seq); // a page asked for before may still bring it
    } else {
      records.set(id, record);
    }
  }
  return { records, withdrawn, parties: partiesOf([...records.values()].map(({ item }) => item.party), state.parties) };
}

/**
 * Drop records that the node no longer holds, once all that it held at `seq` have been taken over.
 *
 * @param {State} state
 * @param {Set<string>} heldIds
 * @param {number} seq
 * @returns {Partial<State>}
 */
export function withoutUnheld(state, heldIds, seq) {
  const records = new Map(state.records);
  for (const [id, record] of records) {
    if (record.seq <= seq && !heldIds.has(id)) records.delete(id);
  }
  return { records, itemsStatus: "known" };
}

/**
 * Return the parties in the order of their marks: those known keep their place, others follow by name.
 *
 * A mark that moved to another party while people look at it would be dangerous.
 *
 * @param {Iterable<string | undefined>} named
 * @param {string[]} known
 */
export function partiesOf(named, known) {
  const all = new Set(known);
  const added = [];
  for (const party of named) {
    if (party && !all.has(party)) {
      all.add(party);
      added.push(party);
    }
  }
  return added.length === 0 ? known : [...known, ...added.sort()];
}

/**
 * Return the time that the map and the chart show.
 *
 * @param {State} state
 */
export function shownMs(state) {
  return state.chosenMs ?? state.nowMs;
}

/**
 * Return whether this console may change an item.
 *
 * @param {State} state
 * @param {{party?: string | null}} item
 */
export function isOwn(state, item) {
  return state.session !== null && item.party === state.session.party;
}

/** @param {State} state */
export function mayChange(state) {
  return state.session !== null && state.session.role === "duty_officer";
}

/** @param {State} state */
export function maySwitchLinks(state) {
  return state.session !== null && state.session.role !== "viewer";
}
