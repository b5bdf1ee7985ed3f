/** The parties that are known, the links to them, and how far each holds the logs of the others. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { maySwitchLinks } from "../state.js";
import { leftToRight, numberText } from "../texts.js";
import { msOf } from "../times.js";
import { Agreements } from "./agreements.js";
import { Had } from "./had.js";
import { Icon } from "./icons.js";
import { PartyName } from "./party_mark.js";
import { Instant } from "./receipts.js";

/** @typedef {import("../types.js").Party} Party */
/** @typedef {import("../types.js").PeerLink} PeerLink */
/** @typedef {import("../types.js").Evidence} EvidenceTold */

const EVIDENCE_CHARACTERS_MAX = 4000;

export function PartiesPanel() {
  const t = useTexts();
  const { status, error, parties } = useSelected((state) => state.coordination);
  const isLive = useSelected((state) => state.link === "live");
  const isCurrent = status === "known" && isLive;
  return html`
    <h2>${t("parties.title")}</h2>
    ${!isCurrent && html`<div class="verdict unknown" data-testid="parties-stale"><strong>${t("parties.stale")}</strong> <bdi>${error}</bdi></div>`}
    ${parties !== null && parties.map((party) => html`<${PartyCard} key=${party.id} party=${party} />`)}
    <${AllEvidence} />
    <${Had} />
    <${Agreements} />`;
}

/** @param {{party: Party}} props */
function PartyCard({ party }) {
  const t = useTexts();
  const holds = useSelected((state) => state.coordination.holds);
  const held = (holds ?? []).filter(({ by, peer }) => !party.is_own && (by === party.id || peer === party.id));
  const { id, name, log, link, is_own } = party;
  return html`<article class=${`party-card ${log?.frozen ? "frozen" : ""}`} data-testid="party" data-party=${id} aria-label=${id}>
    <h3><span><${PartyName} party=${id} />${name !== id && html` <bdi class="dim">${name}</bdi>`}</span>
      ${is_own ? html`<span class="tag own">${t("legend.you")}</span>` : html`<${LinkTag} link=${link} />`}</h3>
    ${log !== null && log.frozen !== null && html`<div class="verdict refused"><strong><${Icon} name="alarm" /> ${t("parties.frozen")}</strong> <bdi>${log.frozen}</bdi></div>`}
    ${held.map(({ by }) => html`<p key=${by} class="row"><span class="tag bad"><${Icon} name="hold" /> ${t("holds.by", { party: by })}</span></p>`)}
    ${is_own ? html`<${LogCells} party=${party} />` : html`<${PeerCells} party=${party} />`}
    ${link !== null && html`<${LinkSwitch} link=${link} />`}
    <${PartyMore} party=${party} />
  </article>`;
}

/** @param {{link: PeerLink | null}} props */
function LinkTag({ link }) {
  const t = useTexts();
  if (link === null) return html`<span class="tag link-tag" data-testid="peer-link" data-state="none">${t("parties.no_link")}</span>`;
  const state = link.switched_off ? "off" : link.state;
  return html`<span class=${`tag link-tag ${state}`} data-testid="peer-link" data-state=${state}>
    <${Icon} name=${link.switched_off ? "cut" : link.state} /> ${t(`parties.link.${state}`)}</span>`;
}

/** @param {{party: Party}} props */
function LogCells({ party: { log } }) {
  const t = useTexts();
  if (log === null) return null;
  return html`<dl class="cells"><div><dt>${t("parties.log")}</dt><dd>${t("parties.entries", { count: log.size })}</dd></div></dl>`;
}

/**
 * What is held on either side, each as its own cell: whose log, at whom.
 *
 * @param {{party: Party}} props
 */
function PeerCells({ party: { id, log, link } }) {
  const t = useTexts();
  const quantities = useQuantities();
  const language = useSelected((state) => state.preferences.language);
  const ownSize = useSelected((state) => state.coordination.parties?.find(({ is_own }) => is_own)?.log?.size ?? 0);
  const heardAgo_s = useSelected(({ nowMs }) => (link === null || link.last_heard === null ? null
    : Math.max(0, Math.round((nowMs - msOf(link.last_heard)) / 1000))));
  const count = (/** @type {number} */ size) => t("parties.entries", { count: size });
  const told = link?.their_head[id];
  const ours = link?.ours_as_they_have_it ?? null;
  return html`<dl class="cells">
    ${link !== null && html`<div><dt>${t("parties.heard")}</dt><dd>${link.last_heard === null || heardAgo_s === null ? t("parties.never")
      : html`<${Instant} at=${link.last_heard} /> <span class="dim">${t("parties.ago", { age: quantities.duration(heardAgo_s) })}</span>`}</dd></div>
    <div><dt>${t("parties.clock")}</dt><dd>${clockText(link)}</dd></div>`}
    <div><dt>${t("parties.log_here")}</dt><dd>${log === null ? t("parties.not_known") : count(log.size)}
      ${log !== null && log.withheld > 0 && html` <span class="dim">${t("parties.withheld", { count: log.withheld })}</span>`}</dd></div>
    <div><dt>${t("parties.log_there")}</dt><dd>${told === undefined ? t("parties.not_known") : count(told)}
      ${log !== null && told !== undefined && told > log.size && html` <span class="bad">${t("parties.missing", { count: told - log.size })}</span>`}</dd></div>
    <div><dt>${t("parties.ours_there")}</dt><dd data-testid="ours-there">${ours === null ? t("parties.not_known") : count(ours)}
      ${ours !== null && (ours < ownSize ? html` <span class="bad">${t("parties.missing", { count: ownSize - ours })}</span>` : html` <span class="dim">${t("parties.all")}</span>`)}</dd></div>
  </dl>`;

  /** @param {PeerLink} of */
  function clockText({ clock_offset_ms: offset, clock_error_ms: error }) {
    if (offset === null) return t("parties.not_known");
    const wordsOf = (/** @type {number} */ ms) => (ms < 1000 ? t("unit.ms", { value: leftToRight(numberText(ms, language)) })
      : quantities.duration(ms / 1000));
    const by = wordsOf(Math.abs(offset));
    const key = offset === 0 ? "parties.clock_same" : offset > 0 ? "parties.clock_ahead" : "parties.clock_behind";
    return t(key, { by, error: wordsOf(error ?? 0) });
  }
}

/** @param {{link: PeerLink}} props */
function LinkSwitch({ link: { party, switched_off } }) {
  const t = useTexts();
  const actions = useActions();
  const canSwitch = useSelected(maySwitchLinks);
  if (!canSwitch) return null;
  return html`<div class="row">${switched_off
    ? html`<button type="button" class="primary" data-testid="mend-link" onClick=${() => actions.switchLink(party, false)}>${t("parties.mend")}</button>`
    : html`<button type="button" class="danger" data-testid="cut-link" onClick=${() => actions.askToCut(party)}>${t("parties.cut")}</button>`}</div>`;
}

/** @param {{party: Party}} props */
function PartyMore({ party: { pinned_at, words, log, link } }) {
  const t = useTexts();
  return html`<details><summary>${t("parties.more")}</summary>
    <dl class="stacked">
      <div><dt>${t("parties.pinned")}</dt><dd><${Instant} at=${pinned_at} /></dd></div>
      ${words.length > 0 && html`<div><dt>${t("parties.words")}</dt><dd class="words" dir="ltr">${words.join(" ")}</dd></div>`}
      ${log !== null && html`<div><dt>${t("parties.root")}</dt><dd><code dir="ltr">${log.root}</code></dd></div>`}
      ${link !== null && link.address !== null && html`<div><dt>${t("parties.address")}</dt><dd><code dir="ltr">${link.address}</code></dd></div>`}
      ${link !== null && link.error !== null && html`<div><dt>${t("parties.error")}</dt><dd><bdi>${link.error}</bdi></dd></div>`}
      ${link !== null && link.refused.length > 0 && html`<div><dt>${t("parties.refused")}</dt><dd><ul>${link.refused.map((reason) =>
        html`<li key=${reason}><bdi>${reason}</bdi></li>`)}</ul></dd></div>`}
    </dl></details>`;
}

/** What proves that a party did not keep to its log. */
function AllEvidence() {
  const t = useTexts();
  const evidence = useSelected((state) => state.coordination.evidence);
  if (evidence === null || evidence.length === 0) return null;
  return html`<section data-testid="evidence" aria-label=${t("evidence.title")}><h2>${t("evidence.title")}</h2>
    ${evidence.map((each) => html`<${OneEvidence} key=${each.id} evidence=${each} />`)}</section>`;
}

/** @param {{evidence: EvidenceTold}} props */
function OneEvidence({ evidence: { party, reason, at, content } }) {
  const t = useTexts();
  return html`<div class="verdict refused"><strong><${PartyName} party=${party} /> <${Instant} at=${at} /></strong>
    <p><bdi>${reason}</bdi></p>
    <details><summary>${t("evidence.content")}</summary>
      <pre dir="ltr" tabindex="0">${JSON.stringify(content, null, 1).slice(0, EVIDENCE_CHARACTERS_MAX)}</pre></details></div>`;
}
