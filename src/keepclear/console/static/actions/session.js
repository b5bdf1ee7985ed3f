/** Signing in and out, and what then starts and stops: the stream, and the loading of everything. */

import { Refusal } from "../api.js";
import { initialState, nodeTimeMs, STALE_AFTER_MS, withClock, withRecords, withoutUnheld } from "../state.js";
import { Stream } from "../stream.js";

/** @typedef {import("./actions.js").Context} Context */

const CONFLICTS_AFTER_MS = 300;
/** On a narrower page the guide lies over the map, so that it is not open from the start. */
const GUIDE_BESIDE_PX = 1180;
/** Item events are taken over together, so that a burst does not draw every list a hundred times. */
const GATHER_MS = 100;

/**
 * @param {Context} context
 * @param {{refreshCoordination: () => void, refreshHotline: () => void, lockKey: () => void,
 *   takeAlerts: (said: import("../watch_types.js").Alerts) => void, takeWatch: (said: import("../watch_types.js").WatchTold) => void}} others
 */
export function sessionActions(context, { refreshCoordination, refreshHotline, lockKey, takeAlerts, takeWatch }) {
  const { store, api, tracks, say } = context;
  /** @type {Stream | null} */
  let stream = null;
  /** @type {import("../types.js").ItemRecord[]} */
  let gathered = [];
  let gatherTimer = 0;
  let conflictsTimer = 0;
  let loading = 0;

  /** Ask who is signed in; a demonstration node lets everybody in. */
  async function start() {
    try {
      begin(await api.session());
    } catch {
      await signIn("", { isTrial: true });
    }
  }

  /**
   * @param {string} token
   * @param {{isTrial?: boolean}} [options]  a trial that is refused is no news: it brings the form
   */
  async function signIn(token, { isTrial = false } = {}) {
    try {
      begin(await api.signIn(token));
    } catch (error) {
      const isSilent = isTrial && error instanceof Refusal;
      store.update({ sessionStatus: "out", signInError: isSilent ? "" : /** @type {Error} */ (error).message });
    }
  }

  async function signOut() {
    lockKey();
    stream?.close();
    stream = null;
    await api.signOut().catch(() => undefined); // the cookie may be gone already
    api.csrf = "";
    tracks.clear();
    const { preferences, catalogue } = store.state;
    store.update({ ...initialState(preferences), catalogue, sessionStatus: "out" });
  }

  /** @param {import("../types.js").Session} session */
  function begin(session) {
    api.csrf = session.csrf;
    store.update({
      sessionStatus: "in",
      session,
      signInError: "",
      isGuideOpen: session.node.is_demonstration && window.innerWidth > GUIDE_BESIDE_PX,
      parties: [session.party],
      ...withClock(session, performance.now()),
      link: "connecting",
    });
    // The stream is opened first, so that nothing which happens while the items load is missed.
    stream?.close();
    stream = new Stream({ item: gather, tracks: takeTracks, alerts: takeAlerts, watch: takeWatch, clock: takeClock, logs: refreshCoordination,
      hotline: refreshHotline, gap: loadAll, cut });
    loadAll();
    refreshCoordination();
    refreshHotline();
  }

  /** @param {import("../types.js").ItemRecord} record */
  function gather(record) {
    gathered.push(record);
    if (gatherTimer !== 0) return;
    gatherTimer = window.setTimeout(() => {
      const records = gathered;
      gathered = [];
      gatherTimer = 0;
      store.update((state) => withRecords(state, records));
      refreshConflicts();
    }, GATHER_MS);
  }

  /** @param {import("../watch_types.js").WatchTracks} said */
  function takeTracks(said) {
    tracks.take(said.tracks, performance.now());
  }

  /** @param {{now: string, speed: number, seq: number}} said */
  function takeClock(said) {
    const isBack = store.state.link !== "live"; // what the logs said meanwhile was not told
    store.update(withClock(said, performance.now()));
    const { itemsStatus, conflicts, coordination } = store.state;
    if (isBack || coordination.status === "failed") refreshCoordination();
    if (isBack) refreshHotline();
    if (itemsStatus === "failed") loadAll();
    else if (conflicts.status === "failed") refreshConflicts();
  }

  function cut() {
    if (store.state.link === "cut") return;
    store.update({ link: "cut" });
  }

  /** Bring the node's time forward, and notice its silence; called once a second. */
  function tick() {
    const localMs = performance.now();
    const { state } = store;
    if (state.clock === null || state.sessionStatus !== "in") return;
    const isSilent = localMs - state.heardLocalMs > STALE_AFTER_MS;
    const nowMs = nodeTimeMs(state, localMs);
    store.update({
      nowMs,
      link: isSilent && state.link === "live" ? "stale" : state.link,
      tracks: tracks.summary(localMs),
    });
  }

  /** Ask for everything that is held, page by page, and for the conflicts. */
  async function loadAll() {
    loading += 1;
    const mine = loading;
    try {
      takeTracks(await api.tracks());
      /** @type {Set<string>} */
      const heldIds = new Set();
      let after = null;
      let seq = Infinity;
      do {
        const page = await api.items(after);
        if (mine !== loading) return; // begun anew meanwhile
        for (const { item } of page.items) heldIds.add(item.id);
        seq = Math.min(seq, page.seq);
        store.update((state) => withRecords(state, page.items));
        after = page.next;
      } while (after !== null);
      store.update((state) => withoutUnheld(state, heldIds, seq));
      await loadConflicts();
    } catch (error) {
      failed(error, { itemsStatus: "failed" });
    }
  }

  function refreshConflicts() {
    window.clearTimeout(conflictsTimer);
    conflictsTimer = window.setTimeout(loadConflicts, CONFLICTS_AFTER_MS);
  }

  async function loadConflicts() {
    try {
      const answer = await api.conflicts();
      announce(answer);
      store.update({ conflicts: { status: "known", answer, error: "" } });
    } catch (error) {
      failed(error, {});
    }
  }

  /** Ask for the next page of the conflicts. */
  async function loadMoreConflicts() {
    const held = store.state.conflicts.answer;
    if (held === null || held.next === null) return;
    try {
      const more = await api.conflicts(held.next);
      const answer = { ...more, findings: [...held.findings, ...more.findings] };
      store.update({ conflicts: { status: "known", answer, error: "" } });
    } catch (error) {
      failed(error, {});
    }
  }

  /** @param {import("../types.js").Answer} answer */
  function announce(answer) {
    const before = store.state.conflicts.answer;
    if (before === null) return; // what there was at the start is no news
    const added = answer.total - before.total;
    if (added > 0) say("conflicts.announce_more", { count: added, total: answer.total }, true);
    else if (added < 0) say("conflicts.announce_fewer", { count: answer.total }, false);
  }

  /**
   * Keep what is shown, but say that it is not current; back to the form if signed out.
   *
   * @param {unknown} error
   * @param {Partial<import("../types.js").State>} parts
   */
  function failed(error, parts) {
    if (error instanceof Refusal && error.status === 401) {
      signOut();
      return;
    }
    const { message } = /** @type {Error} */ (error);
    store.update(({ conflicts }) => ({ ...parts, conflicts: { ...conflicts, status: "failed", error: message } }));
  }

  return { start, signIn, signOut, tick, loadAll, loadMoreConflicts, refreshConflicts };
}
