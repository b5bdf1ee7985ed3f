/** What was recorded, shown again: a moment, the next one, and one after the other. Requests never overlap. */

import { itemsOf, nextMs } from "../replayed.js";
import { msOf, wireTime } from "../times.js";
import { momentOf } from "../watch.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../watch_types.js").Replay} Replay */
/** @typedef {import("../watch_types.js").WatchView} WatchView */

/** While it plays, moments are asked for no oftener. */
const PACE_MS = 1000;

/** @param {Context} context */
export function replayActions({ store, api, tracks }) {
  let isAsking = false;
  let timer = 0;
  let shownMs = NaN;
  let askedLocalMs = 0;

  // a conflict or an item was chosen, which lies at a time of its own: the map cannot show that and the past
  store.watch((state) => state.chosenMs, (chosenMs) => {
    if (momentOf(store.state.watch) !== null && chosenMs !== shownMs) end();
  });

  /** Ask what is recorded. */
  async function loadSpans() {
    try {
      put({ spans: (await api.recordings()).spans, spansError: "" });
    } catch (error) {
      put({ spansError: /** @type {Error} */ (error).message });
    }
  }

  /**
   * Show a moment; one that is asked for while another is on its way follows it, the last of several.
   *
   * @param {number} atMs
   */
  function goTo(atMs) {
    const { replay } = store.state.watch;
    const standing = { moment: null, items: new Map(), speed: 0 };
    set({ ...standing, ...replay, status: "asking", atMs, error: "" });
    if (!isAsking) ask();
  }

  async function ask() {
    isAsking = true;
    const asked = store.state.watch.replay;
    askedLocalMs = performance.now();
    if (asked !== null) {
      try {
        const moment = await api.moment(wireTime(asked.atMs).value);
        const now = store.state.watch.replay;
        if (now !== null) {
          set({ ...now, status: now.atMs === asked.atMs ? "known" : "asking", moment, items: itemsOf(moment, now.items) });
          tracks.showMoment(moment);
          if (now.moment === null) unselect();
          shownMs = msOf(moment.at);
          store.update({ chosenMs: shownMs });
        }
      } catch (error) {
        const now = store.state.watch.replay;
        if (now !== null) set({ ...now, status: "failed", speed: 0, error: /** @type {Error} */ (error).message });
      }
    }
    isAsking = false;
    const { replay } = store.state.watch;
    if (replay?.status === "asking") ask();
    else play();
  }

  /** @param {number} seconds */
  function step(seconds) {
    const { replay } = store.state.watch;
    if (replay !== null) goTo(replay.atMs + seconds * 1000);
  }

  /** @param {number} speed  0 to stand */
  function setSpeed(speed) {
    const { replay } = store.state.watch;
    if (replay === null) return;
    set({ ...replay, speed });
    if (!isAsking) play();
  }

  /** Go on after a while, if it plays. */
  function play() {
    window.clearTimeout(timer);
    const { replay } = store.state.watch;
    if (replay === null || replay.speed === 0 || replay.status === "failed") return;
    timer = window.setTimeout(() => {
      const { replay: now, spans } = store.state.watch;
      if (now === null || now.speed === 0 || isAsking) return;
      // a moment that took long to come is followed by one as much farther on: the speed is what it says
      const atMs = nextMs(now.atMs, now.speed * Math.max(PACE_MS, performance.now() - askedLocalMs), spans ?? []);
      if (atMs === null) setSpeed(0); // the end of what is recorded
      else goTo(atMs);
    }, PACE_MS);
  }

  /** Back to what is now. */
  function leave() {
    end();
    store.update({ chosenMs: null });
  }

  function end() {
    window.clearTimeout(timer);
    put({ replay: null });
    unselect();
    tracks.showMoment(null);
  }

  /** An alert of now and one of the past may have the same id, and be about something else. */
  function unselect() {
    store.update(({ selection }) => ({ selection: { ...selection, alertId: null } }));
  }

  /** @param {Replay} replay */
  function set(replay) {
    put({ replay });
  }

  /** @param {Partial<WatchView>} parts */
  function put(parts) {
    store.update(({ watch }) => ({ watch: { ...watch, ...parts } }));
  }

  return { loadSpans, goTo, step, setSpeed, leave };
}
