/** What is agreed with whom, what is proposed, and who suspends the line. */

import { commandOf } from "../commands.js";
import { html, useQuantities, useSelected, useTexts } from "../preact.js";
import { numberText } from "../texts.js";
import { Act, useIsUnlocked } from "./act.js";
import { Command, CommandHint } from "./command.js";
import { Icon } from "./icons.js";
import { PartyName } from "./party_mark.js";
import { Instant } from "./receipts.js";

/** @typedef {import("../types.js").Agreement} Agreement */

export function Agreements() {
  const t = useTexts();
  const agreements = useSelected((state) => state.coordination.agreements);
  const holds = useSelected((state) => state.coordination.holds);
  if (agreements === null || holds === null) return html`<h2>${t("agreements.title")}</h2><p class="hint">${t("agreements.unknown")}</p>`;
  return html`<section data-testid="agreements" aria-label=${t("agreements.title")}><h2>${t("agreements.title")}</h2>
    ${holds.map(({ by, peer, reason, since }) => html`<div key=${`${by} ${peer}`} class="verdict stale" data-testid="hold">
      <strong><${Icon} name="hold" /> ${t("holds.title")}</strong>
      <dl class="cells">
        <div><dt>${t("holds.who")}</dt><dd><${PartyName} party=${by} /></dd></div>
        <div><dt>${t("holds.with")}</dt><dd><${PartyName} party=${peer} /></dd></div>
        <div><dt>${t("holds.since")}</dt><dd><${Instant} at=${since} /></dd></div>
        <div><dt>${t("negotiation.reason")}</dt><dd><bdi>${reason}</bdi></dd></div>
      </dl></div>`)}
    ${agreements.length === 0 && html`<p class="hint">${t("agreements.none")}</p>`}
    ${agreements.map((agreement) => html`<${AgreementCard} key=${agreement.between.join(" ") + agreement.digest} agreement=${agreement} />`)}
  </section>`;
}

/** @param {Agreement} agreement */
function standingOf({ in_force, ambiguous, between, accepted_by, declined_by }) {
  if (ambiguous) return "ambiguous";
  if (in_force) return "in_force";
  if (declined_by.length > 0) return "declined";
  return accepted_by.length === between.length ? "past" : "proposed";
}

/** @param {{agreement: Agreement}} props */
function AgreementCard({ agreement }) {
  const t = useTexts();
  const own = useSelected((state) => state.session?.node.party ?? "");
  const isUnlocked = useIsUnlocked();
  const { between, digest, version, accepted_by, declined_by } = agreement;
  const standing = standingOf(agreement);
  const isAsked = standing === "proposed" && between.includes(own) && !accepted_by.includes(own);
  return html`<article class=${`party-card agreement ${standing}`} data-testid="agreement" data-standing=${standing}>
    <h3><span class="sides">${between.map((party) => html`<${PartyName} key=${party} party=${party} />`)}</span>
      <span class=${`tag standing ${standing}`}><${Icon} name=${standing === "in_force" ? "coordinated" : standing === "proposed" ? "waiting" : standing === "ambiguous" ? "alarm" : "over"} /> ${t(`agreements.${standing}`)}</span></h3>
    ${standing === "ambiguous" && html`<p class="problem">${t("agreements.ambiguous_means")}</p>`}
    <${Terms} agreement=${agreement} />
    <details><summary>${t("parties.more")}</summary><dl class="stacked">
      <div><dt>${t("item.version")}</dt><dd>${version}</dd></div>
      <div><dt>${t("agreements.accepted_by")}</dt><dd>${accepted_by.map((party) => html`<${PartyName} key=${party} party=${party} /> `)}</dd></div>
      ${declined_by.length > 0 && html`<div><dt>${t("agreements.declined_by")}</dt><dd>${declined_by.map((party) => html`<${PartyName} key=${party} party=${party} /> `)}</dd></div>`}
      <div><dt>${t("agreements.digest")}</dt><dd><code dir="ltr">${digest}</code></dd></div></dl></details>
    ${isAsked && isUnlocked && html`<div class="row acts">
      <${Act} asked=${{ kind: "accept_agreement", digest, reason: "" }} label=${t("act.accept")} testId="act-accept-agreement" />
      <${Act} asked=${{ kind: "decline_agreement", digest }} label=${t("act.decline")} testId="act-decline-agreement" reason="optional" /></div>`}
    ${isAsked && !isUnlocked && html`<div class="commands"><${CommandHint} />
      <${Command} command=${commandOf(["agree", "accept"], [digest])} label=${t("command.accept")} />
      <${Command} command=${commandOf(["agree", "decline"], [digest])} label=${t("command.decline")} /></div>`}
  </article>`;
}

/** @param {{agreement: Agreement}} props */
function Terms({ agreement: { text: { buffer, minima, timers, fallback } } }) {
  const t = useTexts();
  const quantities = useQuantities();
  const language = useSelected((state) => state.preferences.language);
  const apart = (/** @type {number} */ lateral_m, /** @type {number} */ vertical_m, /** @type {number} */ time_s) =>
    [quantities.agreed(lateral_m, false), quantities.agreed(vertical_m, true), quantities.duration(time_s)].join(" · ");
  return html`<dl class="cells">
    <div><dt>${t("agreements.buffer")}</dt><dd>${apart(buffer.lateral_m, buffer.vertical_m, buffer.time_s)}</dd></div>
    <div><dt>${t("agreements.minima")}</dt><dd>${apart(minima.lateral_m, minima.vertical_m, minima.duration_s)}</dd></div>
    <div><dt>${t("agreements.seen_within")}</dt><dd>${quantities.duration(timers.seen_s)}</dd></div>
    <div><dt>${t("agreements.answered_within")}</dt><dd>${quantities.duration(timers.answered_s)}</dd></div>
    <div><dt>${t("agreements.fallback")}</dt><dd>${t("agreements.fallback_is", { factor: numberText(fallback.minima_factor, language, 2), time: quantities.duration(fallback.time_extra_s) })}</dd></div>
  </dl>`;
}
