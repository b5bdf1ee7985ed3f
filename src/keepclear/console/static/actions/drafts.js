/** Drawing, checking and declaring; amending what is held; and reading files. */

import { Refusal } from "../api.js";
import { draftOf, emptyDraft, itemOf, missingIn, newShape, suggestedId, withShape } from "../drafts.js";
import { NO_OUTCOME, NOTHING_SELECTED, withRecords } from "../state.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").DraftShape} DraftShape */
/** @typedef {import("../types.js").UploadState} UploadState */

const CHECK_AFTER_MS = 400;

/** @param {Context} context */
export function draftActions({ store, api, say, view }) {
  let checkTimer = 0;
  let checkNumber = 0;

  function begin() {
    const { session, draft } = store.state;
    if (session === null) return;
    store.update({ panel: "declare", selection: NOTHING_SELECTED, preview: null, resolution: null });
    if (draft !== null) return;
    const id = suggestedId(session.party, (taken) => store.state.records.has(taken));
    store.update({ draft: emptyDraft(id), outcome: NO_OUTCOME });
  }

  /** @param {import("../types.js").ItemRecord} record */
  function amend(record) {
    store.update({ panel: "declare", preview: null, resolution: null, drawing: "none", outcome: NO_OUTCOME });
    set(draftOf(record.item, record.version));
    view.showItems([record.item.id], null);
  }

  function discard() {
    window.clearTimeout(checkTimer);
    checkNumber += 1;
    store.update({ draft: null, drawing: "none", outcome: NO_OUTCOME, resolution: null, preview: null });
  }

  /**
   * Replace the draft, and check it once it rests.
   *
   * @param {Draft} draft
   */
  function set(draft) {
    store.update({ draft, resolution: null, preview: null });
    window.clearTimeout(checkTimer);
    checkNumber += 1;
    if (missingIn(draft).length > 0) {
      store.update({ outcome: NO_OUTCOME });
      return;
    }
    store.update({ outcome: { ...NO_OUTCOME, status: "checking" } });
    const mine = checkNumber;
    checkTimer = window.setTimeout(() => check(draft, mine), CHECK_AFTER_MS);
  }

  /**
   * @param {Draft} draft
   * @param {number} mine
   */
  async function check(draft, mine) {
    const party = store.state.session?.party ?? "";
    try {
      const answer = await api.check(itemOf(draft, party));
      if (mine !== checkNumber) return; // it was changed meanwhile
      store.update({ outcome: { ...NO_OUTCOME, status: "checked", answer, findings: answer.findings } });
      say(`draft.announce.${answer.answer}`, { count: answer.total }, false);
    } catch (error) {
      if (mine === checkNumber) store.update({ outcome: { ...NO_OUTCOME, status: "failed", ...said(error) } });
    }
  }

  /** @param {DraftShape["type"]} type */
  function addShape(type) {
    begin();
    const { draft, nowMs } = store.state;
    if (draft === null) return;
    const shapes = [...draft.shapes, newShape(type, draft.shapes.at(-1), nowMs)];
    set({ ...draft, shapes, chosen: shapes.length - 1 });
  }

  /** @param {import("../types.js").State["drawing"]} drawing */
  function draw(drawing) {
    if (drawing !== "none") begin();
    store.update({ drawing });
  }

  /**
   * Take over what was drawn: into the shape that waits for points, or as one more.
   *
   * @param {DraftShape["type"]} type
   * @param {Pick<DraftShape, "points"> & Partial<DraftShape>} drawn
   */
  function take(type, drawn) {
    if (store.state.draft?.shapes.at(-1)?.points.length !== 0) addShape(type);
    const { draft } = store.state;
    if (draft === null) return;
    const last = draft.shapes.length - 1;
    set({ ...withShape(draft, last, { type, ...drawn }), chosen: last });
    store.update({ drawing: "none" });
  }

  async function submit() {
    const { draft, session } = store.state;
    if (draft === null || session === null || missingIn(draft).length > 0) return;
    window.clearTimeout(checkTimer);
    checkNumber += 1;
    store.update(({ outcome }) => ({ outcome: { ...outcome, status: "sending" }, drawing: "none" }));
    try {
      const { record, findings } = await api.put(itemOf(draft, session.party), draft.version);
      store.update((state) => ({
        ...withRecords(state, [record]),
        draft: null,
        outcome: NO_OUTCOME,
        panel: "items",
        selection: { ...NOTHING_SELECTED, itemId: record.item.id },
      }));
      say("draft.declared", { id: record.item.id, version: record.version, count: findings.length }, false);
    } catch (error) {
      const findings = error instanceof Refusal ? error.findings : [];
      store.update({ outcome: { ...NO_OUTCOME, status: "refused", findings, ...said(error) } });
      say("draft.refused", { reason: /** @type {Error} */ (error).message }, true);
    }
  }

  /** @param {File} file */
  async function upload(file) {
    /** @type {UploadState} */
    const empty = { name: file.name, status: "reading", rows: [], problems: [], assumptions: [], error: "" };
    store.update({ upload: empty, panel: "declare" });
    try {
      const { items, problems, assumptions } = await api.read(file);
      const own = store.state.session?.party;
      const rows = items.map((item) => ({
        item, isChosen: item.party === undefined || item.party === null || item.party === own,
        status: /** @type {const} */ ("waiting"), detail: "",
      }));
      store.update({ upload: { ...empty, status: "read", rows, problems, assumptions } });
      say("upload.announce", { count: items.length, problems: problems.length }, false);
    } catch (error) {
      store.update({ upload: { ...empty, status: "failed", error: /** @type {Error} */ (error).message } });
    }
  }

  /**
   * @param {number} number
   * @param {boolean} isChosen
   */
  function chooseRow(number, isChosen) {
    putRow(number, { isChosen });
  }

  /** Declare what is chosen of a file, one after the other; each is accepted or refused by itself. */
  async function declareUpload() {
    const rows = store.state.upload?.rows ?? [];
    putUpload({ status: "declaring" });
    for (let number = 0; number < rows.length; number += 1) {
      const row = /** @type {import("../types.js").UploadRow} */ (rows[number]);
      if (!row.isChosen || row.status === "declared") continue;
      try {
        const { record } = await api.put(row.item, null);
        store.update((state) => withRecords(state, [record]));
        putRow(number, { status: "declared", detail: "" });
      } catch (error) {
        putRow(number, { status: "refused", detail: /** @type {Error} */ (error).message });
      }
    }
    putUpload({ status: "read" });
  }

  function discardUpload() {
    store.update({ upload: null });
  }

  /** @param {Partial<UploadState>} parts */
  function putUpload(parts) {
    store.update(({ upload: held }) => ({ upload: held === null ? null : { ...held, ...parts } }));
  }

  /**
   * @param {number} number
   * @param {Partial<import("../types.js").UploadRow>} parts
   */
  function putRow(number, parts) {
    const rows = store.state.upload?.rows ?? [];
    putUpload({ rows: rows.map((row, k) => (k === number ? { ...row, ...parts } : row)) });
  }

  return { beginDraft: begin, amend, discardDraft: discard, setDraft: set, addShape, draw, takeDrawn: take,
    submitDraft: submit, upload, chooseRow, declareUpload, discardUpload,
    showDraft: () => view.showDraft() };
}

/** @param {unknown} error */
function said(error) {
  const { message } = /** @type {Error} */ (error);
  return { error: message, faults: error instanceof Refusal ? error.problems : [] };
}
