/** The hotline as it is shown, what is being written, and the tones that call somebody to the page. */

import { Refusal } from "../api.js";
import { askedOf, keyOfRef, newMessage, positionOf, toneOf, typeOf } from "../hotline.js";
import { NO_HOTLINE } from "../state.js";
import { toneNow, Tones } from "../tones.js";
import { callingOf } from "../watch.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../hotline_types.js").Asked} Asked */
/** @typedef {import("../hotline_types.js").ComposeState} ComposeState */
/** @typedef {import("../hotline_types.js").HotlineState} HotlineState */
/** @typedef {import("../hotline_types.js").Message} Message */

/** What happens within this time is asked for together. */
const GATHER_MS = 250;
/** Nobody may silence the tones for longer at a time. */
export const MUTED_MAX_MS = 60_000;
const CONFLICT = 409;
/** So many pages of what waits, and of what is listed, are asked for anew at a time. */
const PAGES_MAX = 5;

/**
 * @param {Context} context
 * @param {(asked: Asked, then?: () => void) => void} sign
 */
export function hotlineActions({ store, api, say }, sign) {
  const tones = new Tones(() => store.update(({ sound }) => ({ sound: { ...sound, isAllowed: true } })));
  /** @type {Set<string> | null} */
  let known = null;
  let timer = 0;
  let isAsking = false;
  let isStale = false;
  let tookMs = 0;

  function refreshHotline() {
    if (timer !== 0) return;
    timer = window.setTimeout(() => {
      timer = 0;
      loadHotline();
    }, Math.max(GATHER_MS, tookMs)); // a node that takes long is given as long to rest
  }

  /** The same again and again: ages and what falls due are told by no event. */
  function lookAtHotline() {
    if (store.state.sessionStatus === "in" && store.state.hotline.status !== "absent") loadHotline();
  }

  async function loadHotline() {
    const { session } = store.state;
    if (session === null) {
      known = null;
      return;
    }
    if (isAsking) {
      isStale = true;
      return;
    }
    isAsking = true;
    const begunMs = performance.now();
    try {
      const parts = await shownParts();
      if (store.state.session === session) {
        put({ ...parts, status: "known", error: "" });
        announce();
      }
    } catch (error) {
      const isAbsent = error instanceof Refusal && error.status === CONFLICT;
      if (store.state.session === session) put(isAbsent ? { ...NO_HOTLINE, status: "absent" } : { status: "failed", error: messageOf(error) });
    }
    isAsking = false;
    tookMs = performance.now() - begunMs;
    if (!isStale) return;
    isStale = false;
    refreshHotline();
  }

  /** @returns {Promise<Partial<HotlineState>>} */
  async function shownParts() {
    const { hotline, panel } = store.state;
    const [channels, open, catalogue] = await Promise.all([
      api.channels(), pagesOf({ open: true }, Infinity), hotline.catalogue ?? api.messageCatalogue()]);
    const everywhere = { channels, open: open.messages, isOpenWhole: open.next === null, catalogue };
    if (panel !== "hotline") return everywhere;
    const { party, isOpenOnly } = hotline.filter;
    const [listed, drills] = await Promise.all([
      pagesOf({ with: party || null, open: isOpenOnly || null }, hotline.messages?.length ?? 0), api.drills()]);
    const isSame = store.state.hotline.filter === hotline.filter;
    return { ...everywhere, drills, ...(isSame ? listed : {}) };
  }

  /**
   * Ask for pages until there are so many messages, or no more.
   *
   * @param {{with?: string | null, open?: true | null}} asked
   * @param {number} wanted
   */
  async function pagesOf(asked, wanted) {
    const page = await api.messages(asked);
    for (let pages = 1; page.next !== null && page.messages.length < wanted && pages < PAGES_MAX; pages += 1) {
      const { messages, next } = await api.messages({ ...asked, before: page.next });
      page.messages.push(...messages);
      page.next = next;
    }
    return page;
  }

  /** Say what came since the last look, and call for it. */
  function announce() {
    const { hotline, session } = store.state;
    const own = session?.node.party ?? "";
    const unseen = (hotline.open ?? []).filter(({ to, seen }) => to === own && seen === null);
    const added = unseen.filter(({ ref }) => known !== null && !known.has(keyOfRef(ref)));
    known = new Set(unseen.map(({ ref }) => keyOfRef(ref)));
    const { language } = store.state.preferences;
    if (added.length > 0) tones.callAnew();
    for (const { texts, priority, drill } of added.slice(0, 1)) {
      const text = texts[/** @type {"en"} */ (language)];
      say(drill === null ? "hotline.announce" : "hotline.announce_exercise", { text }, priority !== "routine" && drill === null);
    }
  }

  /** Let the tone sound that is due; called once a second. */
  function callPeople() {
    const { hotline, session, sound, watch } = store.state;
    const isMuted = performance.now() < sound.mutedUntilMs;
    const tone = session === null ? null : toneOf(hotline.open ?? [], session.node.party);
    const isWarned = session !== null && callingOf(watch.alerts?.alerts ?? []).some(({ urgency }) => urgency === "warning");
    tones.call(isMuted ? null : toneNow(tone, isWarned, performance.now()), performance.now());
    if (sound.mutedUntilMs !== 0 && !isMuted) store.update({ sound: { ...sound, mutedUntilMs: 0 } });
  }

  /** Browsers let a page sound only once somebody has touched it. */
  function allowSound() {
    tones.allow();
  }

  /** Let what is due sound at once: something new calls. */
  function callAnew() {
    tones.callAnew();
  }

  function testSound() {
    tones.allow();
    tones.play("safety");
  }

  function muteSound() {
    store.update(({ sound }) => ({ sound: { ...sound, mutedUntilMs: performance.now() + MUTED_MAX_MS } }));
  }

  /** @param {Partial<HotlineState["filter"]>} parts */
  function filterHotline(parts) {
    store.update(({ hotline }) => ({ hotline: { ...hotline, filter: { ...hotline.filter, ...parts }, messages: null, next: null, unnumbered: [] } }));
    loadHotline();
  }

  async function loadOlder() {
    const { filter, next, messages } = store.state.hotline;
    if (next === null || messages === null) return;
    try {
      const page = await api.messages({ with: filter.party || null, open: filter.isOpenOnly || null, before: next });
      if (store.state.hotline.messages === messages) put({ messages: [...messages, ...page.messages], next: page.next });
    } catch (error) {
      say("hotline.not_loaded", { reason: messageOf(error) }, true);
    }
  }

  // -- what is being written ----------------------------------------------------------------------

  /** @param {Partial<ComposeState>} [parts] */
  function compose(parts = {}) {
    const parties = store.state.hotline.channels ?? [];
    const to = parts.to ?? (store.state.hotline.filter.party || (parties.length === 1 ? parties[0]?.party ?? "" : ""));
    store.update({ compose: newMessage({ ...parts, to }), panel: "hotline" });
  }

  /** @param {Partial<ComposeState>} parts */
  function setCompose(parts) {
    store.update(({ compose: held }) => (held === null ? {} : { compose: { ...held, ...parts } }));
  }

  function discardCompose() {
    store.update({ compose: null });
  }

  /**
   * Put a place that was clicked on the map into the field that waits for one.
   *
   * @param {import("../types.js").LatLng} place
   */
  function pick(place) {
    const { compose: held } = store.state;
    if (held === null) return;
    setCompose({ fields: { ...held.fields, [held.picking]: positionOf(place) }, picking: "" });
  }

  function sendComposed() {
    const { compose: held } = store.state;
    if (held !== null) send(held, () => store.update(({ compose: now }) => (now === held ? { compose: null } : {})));
  }

  /**
   * @param {ComposeState} written
   * @param {() => void} [then]
   */
  function send(written, then) {
    const type = typeOf(store.state.hotline.catalogue, written.code);
    if (type !== null) sign(askedOf(written, type, store.state.nowMs), then);
  }

  /**
   * Answer a message at once where the answer holds nothing more, else write it.
   *
   * @param {Message} message
   * @param {string} code
   * @param {Record<string, unknown>} [fields]
   */
  function answer(message, code, fields = {}) {
    const written = newMessage({ to: message.ref.party, code, answers: message, drill: message.drill ?? "", fields });
    const type = typeOf(store.state.hotline.catalogue, code);
    if (type?.fields.every(({ name, needed }) => !needed || name in fields)) send(written);
    else store.update({ compose: written, panel: "hotline" });
  }

  /** @param {Message} message */
  function correct(message) {
    const { to, code, fields, drill, priority } = message;
    compose({ to, code, fields, corrects: message, drill: drill ?? "", priority });
  }

  /** @param {Message[]} messages */
  function markSeen(messages) {
    sign({ kind: "see_messages", messages: messages.map(({ ref }) => ref) });
  }

  /**
   * @param {string} name
   * @param {string} party
   */
  async function askReport(name, party) {
    try {
      put({ report: await api.drillReport(name, party) });
    } catch (error) {
      say("hotline.not_loaded", { reason: messageOf(error) }, true);
    }
  }

  /** @param {Partial<HotlineState>} parts */
  function put(parts) {
    store.update(({ hotline }) => ({ hotline: { ...hotline, ...parts } }));
  }

  return { refreshHotline, lookAtHotline, callPeople, callAnew, allowSound, testSound, muteSound, filterHotline, loadOlder, compose,
    setCompose, discardCompose, pick, sendComposed, send, answer, correct, markSeen, askReport };
}

/** @param {unknown} error */
function messageOf(error) {
  return /** @type {Error} */ (error).message;
}
