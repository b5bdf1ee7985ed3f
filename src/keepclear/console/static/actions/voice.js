/** What two parties do by voice while the link between their nodes is cut: checks of the picture, and forms. */

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../hotline_types.js").Asked} Asked */
/** @typedef {import("../hotline_types.js").VoiceState} VoiceState */

/**
 * @param {Context} context
 * @param {(asked: Asked, then?: () => void) => void} sign
 */
export function voiceActions({ store, api }, sign) {
  /** @param {string} party */
  function openVoice(party) {
    const given = { lines: [], total: null };
    store.update({
      dialog: "voice",
      voice: { party, part: "check", asked: { with: party }, told: null, challenge: null, given, read: null, error: "" },
    });
    tellCheck({});
    readForm(given);
  }

  /** @param {Partial<VoiceState>} parts */
  function setVoice(parts) {
    store.update(({ voice }) => (voice === null ? {} : { voice: { ...voice, ...parts } }));
  }

  /**
   * Tell the node what was heard, and take what is to be said next; what is refused changes nothing.
   *
   * @param {Record<string, unknown>} heard
   */
  async function tellCheck(heard) {
    const { voice } = store.state;
    if (voice === null) return;
    const asked = { ...voice.asked, ...heard };
    await attempt(async () => {
      const told = await api.pictureCheck(asked);
      return { asked, told, challenge: told.challenge ?? voice.challenge };
    });
  }

  /** @param {VoiceState["given"] & {complete?: boolean}} given */
  async function readForm(given) {
    await attempt(async () => ({ read: await api.readForm(given), given: { lines: given.lines, total: given.total } }));
  }

  /** @param {() => Promise<Partial<VoiceState>>} ask */
  async function attempt(ask) {
    const party = store.state.voice?.party;
    try {
      const parts = await ask();
      if (store.state.voice?.party === party) setVoice({ ...parts, error: "" });
    } catch (error) {
      setVoice({ error: /** @type {Error} */ (error).message });
    }
  }

  /** Tell how many lines of the form were taken. */
  function voiceLines() {
    return store.state.voice?.given.lines.length ?? 0;
  }

  /** Sign that this is what was heard. */
  function signHeard() {
    const deed = store.state.voice?.read?.deed;
    if (deed) sign({ ...deed, kind: "hear_by_voice" }, () => store.update({ dialog: "none", voice: null }));
  }

  /**
   * @param {import("../hotline_types.js").MessageRef} ref
   * @param {string} number
   */
  async function openPaper(ref, number) {
    store.update({ dialog: "paper", paper: { number, form: null, error: "" } });
    /** @param {Partial<import("../hotline_types.js").PaperState>} parts */
    const put = (parts) => store.update(({ paper }) => (paper?.number === number ? { paper: { ...paper, ...parts } } : {}));
    try {
      put({ form: await api.paper(ref) });
    } catch (error) {
      put({ error: /** @type {Error} */ (error).message });
    }
  }

  return { openVoice, setVoice, tellCheck, readForm, voiceLines, signHeard, openPaper };
}
