/** The list of all that is held, with filters; the chosen item stands above it in full. */

import { coordinatedOf, unacknowledged } from "../coordination.js";
import { html, useActions, useMemo, useSelected, useState, useTexts } from "../preact.js";
import { kindKey, spanOf } from "../items.js";
import { isOwn } from "../state.js";
import { clockText } from "../times.js";
import { ItemDetail } from "./item_detail.js";
import { PartyMark } from "./party_mark.js";
import { ReceiptsLine, SignsLegend, useCoordinated } from "./receipts.js";
import { rove } from "./roving.js";

/** @typedef {import("../types.js").ItemRecord} ItemRecord */
/** @typedef {import("../types.js").ItemFilter} ItemFilter */
/** @typedef {import("../types.js").Coordinated} Coordinated */

const SHOWN_STEP = 60;
/** The filter for what no officer of this party has acknowledged. */
const UNACKNOWLEDGED = "unacknowledged";
const KINDS = /** @type {const} */ (["operational_intent", "keep_out", "notify_first"]);
const COORDINATIONS = /** @type {const} */ (["coordinated", "waiting", "conflicting", "contested"]);
const STATES = /** @type {const} */ (["Accepted", "Activated", "Nonconforming", "Contingent", "Ended"]);

export function Items() {
  const t = useTexts();
  const records = useSelected((state) => state.records);
  const status = useSelected((state) => state.itemsStatus);
  const filter = useSelected((state) => state.filter);
  const selectedId = useSelected((state) => state.selection.itemId);
  const coordinated = useSelected((state) => (filter.coordination === "" ? null : state.coordination.items));
  const own = useSelected((state) => state.session?.node.party ?? "");
  const hasLog = useSelected((state) => state.coordination.status !== "absent");
  const [shownMax, setShownMax] = useState(SHOWN_STEP);
  const wanted = useMemo(() => [...records.values()]
    .filter((record) => isWanted(record, filter) && isCoordinatedSo(record, filter.coordination, coordinated, own))
    .sort((one, two) => spanOf(one.item).startMs - spanOf(two.item).startMs), [records, filter, coordinated, own]);
  const shown = wanted.slice(0, shownMax);
  const selected = records.get(selectedId ?? "");
  const hasSelected = shown.some((record) => record === selected);
  return html`
    <h2>${t("items.title")}</h2>
    ${selected !== undefined && html`<${ItemDetail} key=${selectedId} record=${selected} />`}
    <${Coordination} />
    <${Filters} />
    <p class="dim" data-testid="item-count">${status === "loading" ? t("items.loading")
      : t("items.count", { count: wanted.length, all: records.size })}</p>
    ${hasLog && html`<${SignsLegend} />`}
    <ul class="items" data-testid="item-list" data-roving onKeyDown=${rove}>
      ${shown.map((record, k) => html`<${ItemRow} key=${record.item.id} record=${record}
        isSelected=${record === selected} isReachable=${hasSelected ? record === selected : k === 0} />`)}
    </ul>
    ${wanted.length > shown.length && html`<button type="button" class="wide"
      onClick=${() => setShownMax(shownMax + SHOWN_STEP)}>${t("list.more", { count: wanted.length - shown.length })}</button>`}`;
}

/**
 * @param {ItemRecord} record
 * @param {ItemFilter} filter
 */
function isWanted({ item }, { text, party, kind, state }) {
  const words = text.trim().toLowerCase();
  return (party === "" || item.party === party)
    && (kind === "" || (item.kind === "constraint" ? item.rule : item.kind) === kind)
    && (state === "" || item.state === state)
    && (words === "" || `${item.id} ${item.party}`.toLowerCase().includes(words));
}

/**
 * Tell whether an item is coordinated so far; what is not known is never left out as if it were.
 *
 * @param {ItemRecord} record
 * @param {string} wanted
 * @param {Map<string, Coordinated> | null} items
 * @param {string} own
 */
function isCoordinatedSo(record, wanted, items, own) {
  if (wanted === "") return true;
  const coordinated = coordinatedOf(record, items, own);
  if (coordinated === null) return true;
  return wanted === UNACKNOWLEDGED ? unacknowledged(new Map([[record.item.id, coordinated]]), own).length > 0
    : coordinated.state === wanted;
}

/** What waits for the officers of this party. */
function Coordination() {
  const t = useTexts();
  const actions = useActions();
  const { status, items, error } = useSelected((state) => state.coordination);
  const own = useSelected((state) => state.session?.node.party ?? "");
  const waiting = useMemo(() => unacknowledged(items, own).length, [items, own]);
  if (status === "absent") return null;
  return html`
    ${status === "failed" && html`<div class="verdict unknown" data-testid="coordination-failed"><strong>${t("coordination.failed")}</strong> <bdi>${error}</bdi></div>`}
    ${waiting > 0 && html`<div class="verdict stale" data-testid="unacknowledged"><strong>${t("receipts.unacknowledged", { count: waiting })}</strong>
      <p class="row"><button type="button" onClick=${() => actions.setFilter({ coordination: UNACKNOWLEDGED })}>${t("guide.show")}</button></p></div>`}`;
}

function Filters() {
  const t = useTexts();
  const actions = useActions();
  const filter = useSelected((state) => state.filter);
  const parties = useSelected((state) => state.parties);
  const hasLog = useSelected((state) => state.coordination.status !== "absent");

  /**
   * @param {"party" | "kind" | "state" | "coordination"} field
   * @param {[string, string][]} options
   */
  function select(field, options) {
    return html`<label>${t(`filter.${field}`)}
      <select value=${filter[field]} data-testid=${`filter-${field}`}
        onChange=${(/** @type {any} */ event) => actions.setFilter({ [field]: event.target.value })}>
        <option value="">${t("filter.all")}</option>
        ${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
      </select></label>`;
  }

  return html`<div class="filters" role="search" aria-label=${t("filter.label")}>
    <label class="filter-text">${t("filter.text")}
      <input id="filter-text" type="search" value=${filter.text} data-testid="filter-text"
        onInput=${(/** @type {any} */ event) => actions.setFilter({ text: event.target.value })} /></label>
    ${select("party", parties.map((party) => [party, party]))}
    ${select("kind", KINDS.map((kind) => [kind, t(`kind.${kind}`)]))}
    ${select("state", STATES.map((state) => [state, t(`state.${state}`)]))}
    ${hasLog && select("coordination", [...COORDINATIONS.map((state) => /** @type {[string, string]} */ ([state, t(`coordination.${state}`)])),
      [UNACKNOWLEDGED, t("filter.unacknowledged")]])}
  </div>`;
}

/** @param {{record: ItemRecord, isSelected: boolean, isReachable: boolean}} props */
function ItemRow({ record, isSelected, isReachable }) {
  const t = useTexts();
  const actions = useActions();
  const isMine = useSelected((state) => isOwn(state, record.item));
  const coordinated = useCoordinated(record);
  const { item, standing } = record;
  const { startMs, endMs } = spanOf(item);
  return html`<li>
    <button type="button" class=${`item ${isSelected ? "selected" : ""}`} data-entry data-testid="item-row" data-id=${item.id}
      aria-pressed=${isSelected} tabindex=${isReachable ? 0 : -1} onClick=${() => actions.selectItem(item.id)}>
      <${PartyMark} party=${item.party} />
      <span class="item-name"><bdi class="id">${item.id}</bdi>
        ${isMine && html` <span class="tag own">${t("item.yours")}</span>`}
        ${standing === "conflicting" && html` <span class="tag bad">${t("item.conflicting")}</span>`}</span>
      <span class="dim">${t(kindKey(item))}${item.state !== undefined && ` · ${t(`state.${item.state}`)}`}</span>
      <span class="dim time" dir="ltr">${clockText(startMs)}–${clockText(endMs)}</span>
      ${coordinated !== undefined && html`<${ReceiptsLine} coordinated=${coordinated} />`}
    </button>
  </li>`;
}
