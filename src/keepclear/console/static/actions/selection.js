/** What is selected, shown and previewed, and how: panel, filter, time, theme, language, units. */

import { waitingFor } from "../hotline.js";
import { keyOf, spanOf } from "../items.js";
import { keepPreferences, showPreferences } from "../preferences.js";
import { NOTHING_SELECTED, shownMs } from "../state.js";
import { loadCatalogue, translator } from "../texts.js";
import { msOf } from "../times.js";
import { aircraftOf, alertOf, callingOf, momentOf } from "../watch.js";

/** @typedef {import("./actions.js").Context} Context */
/** @typedef {import("../types.js").State} State */

const STEP_MS = 60_000;

/**
 * @param {Context} context
 * @param {() => Promise<ReturnType<typeof import("./replay.js").replayActions>>} replay
 */
export function selectionActions({ store, view }, replay) {
  /**
   * @param {import("../types.js").Finding} finding
   * @param {{zoom?: boolean}} [options]
   */
  function selectFinding(finding, { zoom = true } = {}) {
    store.update({
      selection: { ...NOTHING_SELECTED, findingKey: keyOf(finding) },
      chosenMs: msOf(finding.witness.time),
      resolution: null,
      preview: null,
    });
    if (zoom) view.showItems([finding.a.id, finding.b.id], finding.witness);
  }

  /**
   * @param {string} id
   * @param {{zoom?: boolean, panel?: boolean}} [options]
   */
  function selectItem(id, { zoom = true, panel = true } = {}) {
    store.update((state) => ({
      selection: { ...NOTHING_SELECTED, itemId: id },
      resolution: null,
      preview: null,
      panel: panel ? "items" : state.panel,
    }));
    if (zoom) view.showItems([id], null);
  }

  /** @param {string} id */
  function selectTrack(id) {
    store.update(({ selection: { alertId }, watch }) => ({
      // one of an alert that is looked at is looked at within it
      selection: { ...NOTHING_SELECTED, trackId: id, alertId: aircraftOf(alertOf(watch, alertId)).includes(id) ? alertId : null },
      preview: null,
    }));
  }

  function clearSelection() {
    store.update({ selection: NOTHING_SELECTED, preview: null, resolution: null });
  }

  /** @param {State["panel"]} panel */
  function openPanel(panel) {
    store.update({ panel });
  }

  /** Open the panel of parties and links; without keys there is none. */
  function openParties() {
    const { status } = store.state.coordination;
    if (status === "known" || status === "failed") openPanel("parties");
  }

  /** Open the panel of the hotline; without keys there is none. */
  function openHotline() {
    const { status } = store.state.hotline;
    if (status === "known" || status === "failed") openPanel("hotline");
  }

  /** @param {Partial<State["filter"]>} filter */
  function setFilter(filter) {
    store.update((state) => ({ filter: { ...state.filter, ...filter } }));
  }

  /** @param {boolean} showsOwnFindingsOnly */
  function showOwnFindingsOnly(showsOwnFindingsOnly) {
    store.update({ showsOwnFindingsOnly });
  }

  /** @param {number | null} chosenMs  null follows the node's time */
  function chooseTime(chosenMs) {
    if (momentOf(store.state.watch) === null) store.update({ chosenMs });
    else replay().then(({ goTo, leave }) => (chosenMs === null ? leave() : goTo(chosenMs)));
  }

  /**
   * Show what an item would be, at the time when it would begin.
   *
   * @param {import("../types.js").Item} item
   */
  function showProposal(item) {
    store.update({ preview: item, chosenMs: spanOf(item).startMs });
    view.showItems([item.id], null);
  }

  /**
   * Show where a message says that something is.
   *
   * @param {import("../types.js").Item} place  with one circle
   */
  function showPlace(place) {
    store.update({ preview: place });
    view.showItems([], place.volumes[0]?.volume.outline_circle?.center ?? null);
  }

  /** @param {number} steps */
  function stepTime(steps) {
    chooseTime(shownMs(store.state) + steps * STEP_MS);
  }

  /** @param {string} span */
  function setSpan(span) {
    store.update({ span });
  }

  /** @param {string} id */
  function goToStart(id) {
    const record = store.state.records.get(id);
    if (record !== undefined) chooseTime(spanOf(record.item).startMs);
  }

  /** @param {string[]} idsInView */
  function setInView(idsInView) {
    const held = store.state.idsInView;
    const isSame = held.length === idsInView.length && held.every((id, k) => id === idsInView[k]);
    if (!isSame) store.update({ idsInView });
  }

  /** @param {Partial<State["preferences"]>} change */
  async function prefer(change) {
    if (change.language !== undefined) store.update({ catalogue: await loadCatalogue(change.language) });
    const preferences = { ...store.state.preferences, ...change }; // others may have changed meanwhile
    keepPreferences(preferences);
    showPreferences(preferences);
    store.update({ preferences });
    titlePage();
  }

  /** Count messages and conflicts in the title of the page, where they are seen while another page is open. */
  function titlePage() {
    const { catalogue, preferences, session, conflicts, link, hotline, watch } = store.state;
    const t = translator(catalogue, preferences.language);
    const name = session === null ? t("app.name") : `${t("app.name")} · ${session.node.name}`;
    const isKnown = conflicts.status === "known" && link === "live";
    const mark = session === null ? "" : isKnown ? `(${conflicts.answer?.total ?? "?"}) ` : "(?) ";
    const waiting = waitingFor(hotline.open ?? [], session?.node.party ?? "");
    const priority = waiting[0]?.drill === null ? waiting[0].priority : "routine";
    const call = waiting.length === 0 ? "" : `${t(`hotline.title.${priority}`, { count: waiting.length })} `;
    const calling = callingOf(watch.alerts?.alerts ?? []);
    const alarm = calling[0] === undefined ? "" : `${t(`watch.title.${calling[0].urgency}`, { count: calling.filter(({ urgency }) => urgency === calling[0]?.urgency).length })} `;
    document.title = `${alarm}${call}${mark}${name}`;
  }

  /** @param {State["dialog"]} dialog */
  function openDialog(dialog) {
    store.update({ dialog });
  }

  function toggleGuide() {
    store.update((state) => ({ isGuideOpen: !state.isGuideOpen }));
  }

  return { selectFinding, selectItem, selectTrack, clearSelection, openPanel, openParties, openHotline, setFilter,
    showOwnFindingsOnly, chooseTime, showProposal, showPlace, stepTime, setSpan, goToStart, setInView, prefer, titlePage, openDialog, toggleGuide };
}
