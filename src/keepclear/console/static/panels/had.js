/** What a party had at an instant: delivered to its node, seen and answered by its officers, each apart. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { shownMs } from "../state.js";
import { leftToRight } from "../texts.js";
import { fieldText, instantText, msOf } from "../times.js";
import { TimeField } from "./fields.js";
import { Icon } from "./icons.js";
import { Instant, No, SaidBy } from "./receipts.js";

/** @typedef {import("../types.js").Had} HadTold */

const ROWS_MAX = 200;

export function Had() {
  const t = useTexts();
  const actions = useActions();
  const had = useSelected((state) => state.had);
  const parties = useSelected((state) => state.coordination.parties);
  const shown = useSelected((state) => fieldText(shownMs(state)));
  const others = (parties ?? []).filter(({ is_own }) => !is_own).concat((parties ?? []).filter(({ is_own }) => is_own));
  const party = had.party || (others[0]?.id ?? "");
  if (others.length === 0) return null;
  /** @param {Event} event */
  function ask(event) {
    event.preventDefault();
    actions.askHad(party);
  }
  return html`<section aria-label=${t("had.title")}><h2>${t("had.title")}</h2>
    <form class="had" onSubmit=${ask} data-testid="had-form">
      <label class="field"><span class="field-name">${t("item.party")}</span>
        <select value=${party} data-testid="had-party" onChange=${(/** @type {any} */ event) => actions.setHad({ party: event.target.value })}>
          ${others.map(({ id }) => html`<option key=${id} value=${id} selected=${id === party}>${id}</option>`)}</select></label>
      <${TimeField} label=${t("had.at")} value=${had.atMs} isOptional placeholder=${shown} testId="had-at"
        onValue=${(/** @type {number | null} */ atMs) => actions.setHad({ atMs })} />
      <button type="submit" class="primary" data-testid="had-ask" disabled=${had.status === "asking"}>${t("had.ask")}</button>
    </form>
    <p class="hint">${t("had.hint")}</p>
    ${had.status === "failed" && html`<p class="problem" role="alert">${t("had.failed", { reason: had.error })}</p>`}
    ${had.answer !== null && html`<${Answer} answer=${had.answer} />`}
  </section>`;
}

/** @param {{answer: {party: string, at: string, items: HadTold[]}}} props */
function Answer({ answer: { party, at, items } }) {
  const t = useTexts();
  const todayMs = useSelected((state) => Math.floor(state.nowMs / 86_400_000) * 86_400_000);
  const isAhead = useSelected((state) => msOf(at) > state.nowMs + 1000);
  const time = leftToRight(instantText(Math.floor(msOf(at) / 1000) * 1000, todayMs));
  return html`<div data-testid="had-answer">
    <div role="status"><h3>${t("had.of", { party, time })}</h3></div>
    ${isAhead && html`<p class="problem">${t("had.ahead")}</p>`}
    ${items.length === 0 ? html`<p class="hint">${t("had.nothing")}</p>` : html`<table class="receipts-table">
      <caption class="visually-hidden">${t("had.of", { party, time })}</caption>
      <thead><tr><th scope="col">${t("had.item")}</th>
        ${/** @type {const} */ (["delivered", "seen", "answered"]).map((name) =>
          html`<th key=${name} scope="col"><${Icon} name=${name} /> ${t(`receipts.sign.${name}`)}</th>`)}</tr></thead>
      <tbody>${items.slice(0, ROWS_MAX).map((each) => html`<${Row} key=${each.id} had=${each} />`)}</tbody></table>`}
    ${items.length > ROWS_MAX && html`<p class="hint">${t("list.more", { count: items.length - ROWS_MAX })}</p>`}
  </div>`;
}

/** @param {{had: HadTold}} props */
function Row({ had: { id, ref, stated_at, delivered_at, seen, answered } }) {
  const t = useTexts();
  const actions = useActions();
  const isHeld = useSelected((state) => state.records.has(id));
  const name = html`<bdi class="id">${id}</bdi>`;
  return html`<tr data-testid="had-row" data-id=${id}>
    <th scope="row">${isHeld ? html`<button type="button" class="quiet" onClick=${() => actions.selectItem(id)}>${name}</button>` : name}
      <span class="dim under">${t("had.version", { version: ref.version })} <${Instant} at=${stated_at} /></span></th>
    <td>${delivered_at === null ? html`<${No} />` : html`<${Icon} name="delivered" /> <${Instant} at=${delivered_at} />`}</td>
    <td>${seen === null ? html`<${No} />` : html`<${Icon} name="seen" /> <${SaidBy} said=${seen} />`}</td>
    <td>${answered === null ? html`<${No} />` : html`<${Icon} name="answered" /> <${SaidBy} said=${answered} />`}</td>
  </tr>`;
}
