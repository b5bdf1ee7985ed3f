/** The officer's key in this window, and what is signed with it: drafted, checked, confirmed, signed, said. */

import { KEY_FILE_BYTES_MAX, KeyFileError } from "../signing/key_refusal.js";
import { KeyHolder } from "../signing/officer.js";
import { LOCKED } from "../state.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../hotline_types.js").Asked} Asked */
/** @typedef {import("../hotline_types.js").SigningState} SigningState */

/** The only kind of text that this key signs. */
const DEED_TYP = "keepclear-deed";

/**
 * @param {Context} context
 * @param {() => void} said  something was said: ask anew for what is shown
 */
export function officerActions({ store, api, say }, said) {
  const holder = new KeyHolder();
  let questions = 0;
  /** @type {(() => void) | null} */
  let after = null;

  /**
   * Unlock a key. The file is read here; neither it nor the passphrase goes anywhere.
   *
   * @param {File} file
   * @param {string} person
   * @param {string} passphrase
   */
  async function unlockKey(file, person, passphrase) {
    store.update({ officer: { ...LOCKED, status: "unlocking", person }, signing: null });
    try {
      if (file.size > KEY_FILE_BYTES_MAX) throw new KeyFileError("no_key_file");
      const key = await holder.unlock(await file.text(), passphrase, Date.now());
      if (key === null) return;
      store.update(({ dialog }) => ({
        officer: { status: "unlocked", person, kid: key.kid, refused: "" },
        dialog: dialog === "key" ? "none" : dialog,
      }));
      say("key.was_unlocked", { person }, false);
    } catch (error) {
      const refused = error instanceof KeyFileError ? error.reason : "no_key_file";
      store.update({ officer: { ...LOCKED, person, refused } });
    }
  }

  function lockKey() {
    holder.lock();
    questions += 1;
    store.update({ officer: LOCKED, signing: null });
  }

  /** Lock the key where its time is over; called once a second. */
  function watchKey() {
    if (!holder.isOver(Date.now())) return;
    lockKey();
    say("key.was_locked", {}, true);
  }

  /** Somebody is at the page. */
  function touchKey() {
    holder.touch(Date.now());
  }

  /**
   * Have the node write what is asked for, and check that it says that, before the officer is asked.
   *
   * @param {Asked} asked
   * @param {() => void} [then]  what follows once it is said
   */
  async function sign(asked, then) {
    const { deeds } = holder;
    if (deeds === null) return;
    questions += 1;
    const mine = questions;
    after = then ?? null;
    const { person } = store.state.officer;
    const whole = { party: store.state.session?.node.party ?? "", person, ...asked };
    store.update({ signing: { asked, status: "drafting", draft: null, error: "" } });
    try {
      const draft = await api.draft({ ...asked, person });
      const differs = draft.typ === DEED_TYP ? deeds.differsIn(draft.payload, whole, store.state.nowMs) : "typ";
      if (differs === null) put(mine, { status: "ready", draft });
      else fail(mine, "differs", differs);
    } catch (error) {
      fail(mine, "failed", /** @type {Error} */ (error).message);
    }
  }

  /** Sign what was drafted, and say it. */
  async function confirmSigning() {
    const { signing, officer } = store.state;
    const { key, deeds } = holder;
    if (signing?.status !== "ready" || signing.draft === null || key === null || deeds === null || officer.status !== "unlocked") return;
    const mine = questions;
    const { payload, typ } = signing.draft;
    put(mine, { status: "sending" });
    try {
      const { n, not_amended } = await api.say(await deeds.signedDeed(payload, typ, key));
      say("signing.said", { number: n }, false);
      for (const { item, reason } of not_amended) say("signing.not_amended", { id: item.id, reason }, true);
      if (mine === questions) {
        store.update({ signing: null });
        after?.();
      }
      said();
    } catch (error) {
      fail(mine, "failed", /** @type {Error} */ (error).message);
    }
  }

  function cancelSigning() {
    questions += 1;
    store.update({ signing: null });
  }

  /**
   * Look for changes of an item that clear a conflict with another party's.
   *
   * @param {string} id
   * @param {string} other
   */
  async function suggest(id, other) {
    const asked = { id, status: /** @type {const} */ ("loading"), suggestions: [], error: "" };
    store.update({ suggested: asked });
    /** @param {Partial<import("../hotline_types.js").SuggestedState>} parts */
    const told = (parts) => store.update(({ suggested }) => (suggested === asked ? { suggested: { ...asked, ...parts } } : {}));
    try {
      told({ status: "known", suggestions: (await api.suggestions(id, other)).suggestions });
    } catch (error) {
      told({ status: "failed", error: /** @type {Error} */ (error).message });
    }
  }

  /**
   * @param {import("../hotline_types.js").Suggestion} suggestion
   * @param {string | null} counters  the proposal that it is said against
   */
  function propose({ propose: fields }, counters) {
    const asked = { ...fields, ...(counters === null ? { kind: "propose" } : { kind: "counter", counters }) };
    sign(asked, () => store.update({ suggested: null }));
  }

  /**
   * @param {number} mine
   * @param {Partial<SigningState>} parts
   */
  function put(mine, parts) {
    if (mine === questions) store.update(({ signing }) => (signing === null ? {} : { signing: { ...signing, ...parts } }));
  }

  /**
   * @param {number} mine
   * @param {"differs" | "failed"} status
   * @param {string} error
   */
  function fail(mine, status, error) {
    put(mine, { status, draft: null, error });
  }

  return { unlockKey, lockKey, watchKey, touchKey, sign, confirmSigning, cancelSigning, suggest, propose };
}
