/** One item in full, with what its party may do to it; another party's item says why nothing is offered. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { bandOf, EVENTS, kindKey, spanOf } from "../items.js";
import { isOwn, mayChange } from "../state.js";
import { instantText, msOf } from "../times.js";
import { leftToRight } from "../texts.js";
import { Changes } from "./changes.js";
import { FindingSides } from "./finding.js";
import { PartyName } from "./party_mark.js";
import { ReceiptsDetail, useCoordinated } from "./receipts.js";

/** @typedef {import("../types.js").ItemRecord} ItemRecord */

/** @param {{record: ItemRecord}} props */
export function ItemDetail({ record }) {
  const t = useTexts();
  const quantities = useQuantities();
  const actions = useActions();
  const nowMs = useSelected((state) => Math.floor(state.nowMs / 86_400_000) * 86_400_000);
  const isMine = useSelected((state) => isOwn(state, record.item));
  const coordinated = useCoordinated(record);
  const { item, version, by, at } = record;
  const { startMs, endMs } = spanOf(item);
  const band = bandOf(item);
  const instant = (/** @type {number} */ ms) => leftToRight(instantText(ms, nowMs));
  return html`<article class="detail" data-testid="item-detail" aria-label=${item.id}>
    <h3><bdi class="id">${item.id}</bdi>
      <button type="button" class="quiet" onClick=${actions.clearSelection}>${t("action.close")}</button></h3>
    <dl class="cells">
      <div><dt>${t("item.party")}</dt><dd><${PartyName} party=${item.party} /></dd></div>
      <div><dt>${t("item.kind")}</dt><dd>${t(kindKey(item))}</dd></div>
      ${item.state !== undefined && html`<div><dt>${t("item.state")}</dt><dd data-testid="item-state">${t(`state.${item.state}`)}</dd></div>`}
      <div><dt>${t("item.priority")}</dt><dd>${item.priority ?? 0}</dd></div>
      <div><dt>${t("item.from")}</dt><dd>${instant(startMs)}</dd></div>
      <div><dt>${t("item.until")}</dt><dd>${instant(endMs)}</dd></div>
      <div><dt>${t("item.heights")}</dt><dd>${quantities.band(band.lower_m, band.upper_m)}</dd></div>
      <div><dt>${t("item.volumes")}</dt><dd>${item.volumes.length}</dd></div>
      <div><dt>${t("item.version")}</dt><dd>${version}, ${instant(msOf(at))}, <bdi>${by.person}</bdi></dd></div>
    </dl>
    ${coordinated !== undefined && html`<${ReceiptsDetail} record=${record} coordinated=${coordinated} />`}
    <${ItemFindings} id=${item.id} />
    <div class="row"><button type="button" onClick=${() => actions.goToStart(item.id)}>${t("item.go_to_start")}</button></div>
    ${isMine ? html`<${OwnItem} record=${record} />`
      : html`<p class="hint read-only" data-testid="read-only">${t("item.read_only", { party: item.party ?? t("party.none") })}</p>`}
  </article>`;
}

/** @param {{id: string}} props */
function ItemFindings({ id }) {
  const t = useTexts();
  const actions = useActions();
  const findings = useSelected((state) => state.conflicts.answer?.findings ?? NONE);
  const own = findings.filter(({ a, b }) => a.id === id || b.id === id);
  if (own.length === 0) return null;
  return html`<ul class="item-findings">${own.map((finding) => html`<li key=${finding.verdict + finding.a.id + finding.b.id}>
    <button type="button" class=${`finding-link ${finding.verdict}`}
        onClick=${() => { actions.openPanel("conflicts"); actions.selectFinding(finding); }}>
      <span class="finding-verdict">${t(`verdict.${finding.verdict}`)}</span> <${FindingSides} finding=${finding} />
    </button></li>`)}</ul>`;
}

/** @type {import("../types.js").Finding[]} */
const NONE = [];

/** @param {{record: ItemRecord}} props */
function OwnItem({ record }) {
  const t = useTexts();
  const actions = useActions();
  const canChange = useSelected(mayChange);
  const resolution = useSelected((state) => state.resolution);
  const { item } = record;
  if (!canChange) return html`<p class="hint">${t("item.viewer")}</p>`;
  return html`
    <div class="row">
      <button type="button" data-testid="amend" onClick=${() => actions.amend(record)}>${t("item.amend")}</button>
      <button type="button" data-testid="offer-changes" onClick=${() => actions.offerChanges({ id: item.id })}>
        ${t("changes.offer_short")}</button>
      <button type="button" class="danger" data-testid="withdraw" onClick=${() => actions.openDialog("withdraw")}>
        ${t("item.withdraw")}</button>
    </div>
    ${item.state !== undefined && html`<div class="row" role="group" aria-label=${t("item.events")}>
      ${EVENTS[item.state].map((event) => html`<button type="button" key=${event} data-testid="state-event"
        data-event=${event} onClick=${() => actions.step(record, event)}>${t(`event.${event.replaceAll(" ", "_")}`)}</button>`)}
    </div>`}
    ${resolution !== null && resolution.id === item.id && html`<${Changes} resolution=${resolution} />`}`;
}
