/** What is odd about a message: a place that is far, a notice that is too short, a form that was heard otherwise. */

import { html, useQuantities, useSaid, useSelected, useTexts } from "../preact.js";
import { numberOf, typeOf } from "../hotline.js";
import { Icon } from "./icons.js";
import { Instant } from "./receipts.js";

/** @typedef {import("../hotline_types.js").Warning} Warning */

/** @param {{warnings: Warning[]}} props */
export function Warnings({ warnings }) {
  if (warnings.length === 0) return null;
  return html`<ul class="warnings" data-testid="warnings">${warnings.map((warning, number) => html`<${OneWarning} key=${number} warning=${warning} />`)}</ul>`;
}

/** The sentence, which names the distance or whom it is about, and what is more than a sentence. @param {{warning: Warning}} props */
function OneWarning({ warning: { kind, texts, affected, heard, answer } }) {
  const t = useTexts();
  const said = useSaid();
  const quantities = useQuantities();
  const catalogue = useSelected((state) => state.hotline.catalogue);
  const title = answer === undefined ? undefined : typeOf(catalogue, answer.code)?.titles;
  const cannot = (affected ?? []).filter(({ can_clear }) => can_clear !== true);
  return html`<li class="verdict stale" data-testid="warning" data-kind=${kind}><${Icon} name="conflicting" /> <strong dir="auto">${said(texts)}</strong>
    ${cannot.length > 0 && html`<ul>${cannot.map(({ id, can_clear, needs_s, given_s }) => html`<li key=${id}>
      <bdi class="id">${id}</bdi> ${t(can_clear === null ? "warning.unknown_item" : "warning.cannot_clear")}
      ${needs_s !== null && given_s !== null && html` <span class="dim">${t("warning.needs", { needs: quantities.duration(Math.ceil(needs_s)), given: quantities.duration(Math.max(0, Math.floor(given_s))) })}</span>`}</li>`)}</ul>`}
    ${answer !== undefined && html`<p data-testid="warned-answer"><b>${title ? said(title) : answer.code}</b> <bdi class="id" dir="ltr">${numberOf(answer.ref)}</bdi> <${Instant} at=${answer.at} /> <bdi>${answer.person ?? ""}</bdi></p>`}
    ${heard !== undefined && html`<p><span class="dim">${t("warning.heard")}</span> <bdi dir="auto">${said(heard)}</bdi></p>`}</li>`;
}
