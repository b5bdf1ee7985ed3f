/** Changes that would clear a conflict, each ready to be proposed to the other party, or against its proposal. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { headlineOf } from "./changes.js";

/** @param {{ids: [string, string], counters?: string | null}} props  ids of the two items here */
export function Suggestions({ ids, counters = null }) {
  const t = useTexts();
  const actions = useActions();
  const quantities = useQuantities();
  const language = useSelected((state) => state.preferences.language);
  const suggested = useSelected((state) => state.suggested);
  return html`<div class="suggestions" data-testid="suggestions">
    ${ids.map((id) => html`<button type="button" key=${id} data-testid="suggest" data-id=${id}
      onClick=${() => actions.suggest(id, ids[0] === id ? ids[1] : ids[0])}>${t("act.suggest", { id })}</button>`)}
    ${suggested !== null && ids.includes(suggested.id) && html`
      ${suggested.status === "loading" && html`<p role="status">${t("changes.loading")}</p>`}
      ${suggested.status === "failed" && html`<p class="problem" role="alert">${t("changes.failed", { reason: suggested.error })}</p>`}
      ${suggested.status === "known" && suggested.suggestions.length === 0 && html`<p class="hint">${t("act.none_found")}</p>`}
      <ul class="changes">${suggested.suggestions.map((each) => html`<li key=${each.change} class="change" data-testid="suggestion" data-change=${each.change}>
        <div class="change-words"><bdi class="id">${suggested.id}</bdi> <strong>${headlineOf(each, { t, quantities, language })}</strong>
          ${each.reason !== null && html`<p class="hint"><bdi>${each.reason}</bdi></p>`}</div>
        <button type="button" class="primary" data-testid="propose" onClick=${() => actions.propose(each, counters)}>${t(counters === null ? "act.propose" : "act.counter")}</button></li>`)}</ul>`}
  </div>`;
}
