/** Tells across the page that what is shown is not current, for how long, and why. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";

export function Banner() {
  const t = useTexts();
  const quantities = useQuantities();
  const actions = useActions();
  const link = useSelected((state) => state.link);
  const heardLocalMs = useSelected((state) => state.heardLocalMs);
  const itemsStatus = useSelected((state) => state.itemsStatus);
  useSelected((state) => state.nowMs); // the age counts up with it
  const age = quantities.duration(Math.max(0, Math.round((performance.now() - heardLocalMs) / 1000)));
  if (link === "cut" || link === "stale") {
    return html`<div class=${`banner ${link}`} data-testid="banner" data-state=${link}>
      <strong role="alert">${t(`banner.${link}`)}</strong> <span>${t("banner.age", { age })}</span>
    </div>`;
  }
  if (itemsStatus === "failed") {
    return html`<div class="banner stale" data-testid="banner" data-state="failed">
      <strong role="alert">${t("banner.failed")}</strong>
      <button type="button" onClick=${actions.loadAll}>${t("action.retry")}</button>
    </div>`;
  }
  return null;
}
