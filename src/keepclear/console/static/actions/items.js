/** What is done to items that are held: the smallest changes, state events, withdrawal. */

import { Refusal } from "../api.js";
import { withRecords } from "../state.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../types.js").Item} Item */
/** @typedef {import("../types.js").ItemRecord} ItemRecord */

/** @param {Context} context */
export function itemActions({ store, api, say }) {
  /**
   * Ask for the smallest changes that clear an item which is held, or a draft.
   *
   * @param {{id: string} | {item: Item}} what
   */
  async function offerChanges(what) {
    const item = "item" in what ? what.item : null;
    const id = "item" in what ? what.item.id : what.id;
    store.update({ resolution: { id, item, status: "loading", result: null, error: "" }, preview: null });
    try {
      const result = await api.resolve(what);
      put({ status: "known", result });
      say("changes.announce", { count: result.changes.length }, false);
    } catch (error) {
      put({ status: "failed", error: /** @type {Error} */ (error).message });
    }

    /** @param {Partial<import("../types.js").ResolutionState>} parts */
    function put(parts) {
      store.update(({ resolution }) => (resolution?.id === id ? { resolution: { ...resolution, ...parts } } : {}));
    }
  }

  /** @param {Item | null} item */
  function preview(item) {
    store.update({ preview: item });
  }

  /**
   * Declare an item as a change would have it, in place of the version held (or of the draft).
   *
   * @param {import("../types.js").Change} change
   */
  async function applyChange(change) {
    const { resolution, draft } = store.state;
    if (resolution === null) return;
    const version = resolution.item === null
      ? store.state.records.get(change.item.id)?.version ?? null
      : draft?.version ?? null;
    store.update({ resolution: { ...resolution, status: "applying" } });
    try {
      const { record } = await api.put(change.item, version);
      store.update((state) => ({
        ...withRecords(state, [record]),
        resolution: { ...resolution, status: "applied" },
        preview: null,
        ...(resolution.item === null ? {} : { draft: null }),
      }));
      say("changes.applied", { id: record.item.id, version: record.version }, false);
    } catch (error) {
      store.update({ resolution: { ...resolution, status: "failed", error: keepCurrent(error) }, preview: null });
    }
  }

  /**
   * @param {ItemRecord} record
   * @param {string} event
   */
  async function step(record, event) {
    await change(() => api.step(record, event), "items.stepped", record.item.id);
  }

  /** @param {ItemRecord} record */
  async function withdraw(record) {
    store.update({ dialog: "none" });
    await change(() => api.withdraw(record), "items.withdrawn", record.item.id);
  }

  /**
   * @param {() => Promise<{record: ItemRecord}>} ask
   * @param {string} said
   * @param {string} id
   */
  async function change(ask, said, id) {
    try {
      const { record } = await ask();
      store.update((state) => withRecords(state, [record]));
      say(said, { id }, false);
    } catch (error) {
      say("items.refused", { id, reason: keepCurrent(error) }, true);
    }
  }

  /**
   * Take over the current record where a refusal brings it, and return what was said.
   *
   * @param {unknown} error
   */
  function keepCurrent(error) {
    if (error instanceof Refusal && error.record !== null) {
      const { record } = error;
      store.update((state) => withRecords(state, [record]));
    }
    return /** @type {Error} */ (error).message;
  }

  return { offerChanges, preview, applyChange, step, withdraw };
}
