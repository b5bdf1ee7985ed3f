/** What the logs of the parties say, asked for as it is shown; links cut and mended; what a party had. */

import { Refusal } from "../api.js";
import { keyOf } from "../items.js";
import { NOTHING_KNOWN, partiesOf, shownMs } from "../state.js";
import { wireTime } from "../times.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../types.js").State} State */
/** @typedef {import("../types.js").Coordinated} Coordinated */
/** @typedef {import("../types.js").CoordinationState} CoordinationState */

/** What happens within this time is asked for together. */
const GATHER_MS = 400;
const CONFLICT = 409;
const NOT_FOUND = 404;

/** @param {Context} context */
export function coordinationActions({ store, api, say }) {
  let timer = 0;
  let isAsking = false;
  let isStale = false;
  let questions = 0;
  let tookMs = 0;

  /** Ask for what is shown anew, soon. */
  function refreshCoordination() {
    if (timer !== 0) return;
    timer = window.setTimeout(() => {
      timer = 0;
      loadCoordination();
    }, Math.max(GATHER_MS, tookMs)); // a node that takes long is given as long to rest
  }

  /** The same because something else is looked at: of no use where there is no log. */
  function showCoordination() {
    if (store.state.coordination.status !== "absent") loadCoordination();
  }

  /** What no event tells, as when a peer was heard last, is asked for again and again while it is looked at. */
  function lookAtLinks() {
    if (store.state.panel === "parties") showCoordination();
  }

  async function loadCoordination() {
    const { session } = store.state;
    if (session === null) return;
    if (isAsking) {
      isStale = true;
      return;
    }
    isAsking = true;
    const begunMs = performance.now();
    try {
      const known = await shownParts();
      put({ ...NOTHING_KNOWN, ...known, status: "known" }); // what was not asked anew may be old: not known
    } catch (error) {
      const isAbsent = error instanceof Refusal && error.status === CONFLICT;
      put(isAbsent ? { ...NOTHING_KNOWN, status: "absent" } : { status: "failed", error: messageOf(error) });
    }
    isAsking = false;
    tookMs = performance.now() - begunMs;
    if (!isStale) return;
    isStale = false;
    refreshCoordination();

    /** @param {Partial<CoordinationState>} parts */
    function put(parts) {
      store.update((state) => (state.session !== session ? {} : {
        coordination: { ...state.coordination, ...parts },
        parties: partiesOf((parts.parties ?? []).map(({ id }) => id), state.parties),
      }));
    }
  }

  /** @returns {Promise<Partial<CoordinationState>>} */
  async function shownParts() {
    const parties = await api.parties();
    switch (store.state.panel) {
      case "conflicts": {
        const [negotiations, items] = await Promise.all([api.negotiations(), itemsOfFinding()]);
        return { parties, negotiations, items };
      }
      case "hotline": // what messages can be about
      case "items": return { parties, items: byId(await api.coordination()) };
      case "parties": {
        const [agreements, holds, evidence] = await Promise.all([api.agreements(), api.holds(), api.evidence()]);
        return { parties, agreements, holds, evidence };
      }
      default: return { parties };
    }
  }

  /** Return how far the two items of the chosen conflict are coordinated. */
  async function itemsOfFinding() {
    const { selection, conflicts } = store.state;
    const finding = conflicts.answer?.findings.find((each) => keyOf(each) === selection.findingKey);
    if (finding === undefined) return null;
    const asked = await Promise.all([finding.a.id, finding.b.id].map(coordinationOf));
    return byId(asked.filter((each) => each !== null));
  }

  /** @param {string} id */
  async function coordinationOf(id) {
    try {
      return await api.coordinationOf(id);
    } catch (error) {
      if (error instanceof Refusal && error.status === NOT_FOUND) return null; // nobody stated it
      throw error;
    }
  }

  /** @param {string} party */
  function askToCut(party) {
    store.update({ dialog: "cut_link", linkParty: party });
  }

  /**
   * @param {string} party
   * @param {boolean} isSwitchedOff
   */
  async function switchLink(party, isSwitchedOff) {
    store.update({ dialog: "none" });
    try {
      await api.switchLink(party, isSwitchedOff);
      say(isSwitchedOff ? "parties.was_cut" : "parties.was_mended", { party }, false);
    } catch (error) {
      say("parties.not_switched", { party, reason: messageOf(error) }, true);
    }
    loadCoordination();
  }

  /** @param {Partial<State["had"]>} parts */
  function setHad(parts) {
    store.update(({ had }) => ({ had: { ...had, ...parts } }));
  }

  /**
   * Ask what a party had at the time that was typed, else at the time that is shown.
   *
   * @param {string} party
   */
  async function askHad(party) {
    const { had, session } = store.state;
    questions += 1;
    const mine = questions;
    const at = wireTime(had.atMs ?? shownMs(store.state)).value;
    setHad({ party, status: "asking", answer: null, error: "" });
    try {
      const answer = { party, at, items: await api.had(party, at) };
      if (isStill()) setHad({ status: "known", answer });
    } catch (error) {
      if (isStill()) setHad({ status: "failed", error: messageOf(error) });
    }

    function isStill() {
      return store.state.session === session && mine === questions;
    }
  }

  return { refreshCoordination, showCoordination, lookAtLinks, askToCut, switchLink, setHad, askHad };
}

/** @param {Coordinated[]} coordinated */
function byId(coordinated) {
  return new Map(coordinated.map((each) => [each.id, each]));
}

/** @param {unknown} error */
function messageOf(error) {
  return /** @type {Error} */ (error).message;
}
