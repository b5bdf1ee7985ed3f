/** What was proposed for a conflict: by whom, to whom, what would change, and who must answer. */

import { commandOf } from "../commands.js";
import { differenceOf, drawable, localIdOf, negotiationsOver } from "../coordination.js";
import { html, useActions, useMemo, useQuantities, useSelected, useTexts } from "../preact.js";
import { bandOf, spanOf } from "../items.js";
import { leftToRight } from "../texts.js";
import { instantText } from "../times.js";
import { headlineOf } from "./changes.js";
import { Act, useIsUnlocked } from "./act.js";
import { Command, CommandHint } from "./command.js";
import { Icon } from "./icons.js";
import { PartyMark, PartyName } from "./party_mark.js";
import { CoordinationTag } from "./receipts.js";
import { Suggestions } from "./suggestions.js";

/** @typedef {import("../types.js").Finding} Finding */
/** @typedef {import("../types.js").Item} Item */
/** @typedef {import("../types.js").ItemRef} ItemRef */
/** @typedef {import("../types.js").Negotiation} Negotiation */

/** @type {Negotiation[]} */
const NONE = [];

/**
 * The proposals that wait for an answer of this party, above the list of conflicts.
 */
export function WaitingProposals() {
  const t = useTexts();
  const actions = useActions();
  const negotiations = useSelected((state) => state.coordination.negotiations) ?? NONE;
  const findings = useSelected((state) => state.conflicts.answer?.findings);
  const own = useSelected((state) => state.session?.node.party ?? "");
  const waiting = negotiations.filter(({ to, state }) => to === own && state === "proposed");
  if (waiting.length === 0) return null;
  return html`<div class="verdict stale" data-testid="waiting-proposals">
    <strong>${t("negotiation.waiting", { count: waiting.length })}</strong>
    <ul class="waiting-list">${waiting.map(({ id, by, conflict }) => {
      const ids = conflict.map((ref) => localIdOf(ref, own));
      const finding = findings?.find(({ a, b }) => ids.includes(a.id) && ids.includes(b.id));
      const words = html`<${PartyMark} party=${by} /> <bdi class="id">${ids.join(" · ")}</bdi>`;
      return html`<li key=${id}>${finding === undefined ? words
        : html`<button type="button" class="finding-link" onClick=${() => actions.selectFinding(finding)}>${words}</button>`}</li>`;
    })}</ul></div>`;
}

/**
 * What was proposed for a conflict, and how far its two items are coordinated.
 *
 * @param {{finding: Finding}} props
 */
export function Negotiations({ finding }) {
  const t = useTexts();
  const own = useSelected((state) => state.session?.node.party ?? "");
  const status = useSelected((state) => state.coordination.status);
  const negotiations = useSelected((state) => state.coordination.negotiations);
  const isUnlocked = useIsUnlocked();
  if (status === "absent" || finding.verdict !== "conflict") return null;
  const over = negotiationsOver(negotiations ?? NONE, finding.a.id, finding.b.id, own);
  const mine = [finding.a, finding.b].find(({ party }) => party === own);
  const theirs = [finding.a, finding.b].find(({ party }) => party !== own);
  return html`<section class="negotiations" data-testid="negotiations" aria-label=${t("negotiation.title")}>
    <h3>${t("negotiation.title")}</h3>
    ${[finding.a, finding.b].map(({ id, party }) => html`<${SideState} key=${id} id=${id} party=${party} />`)}
    ${negotiations === null ? html`<p class="verdict unknown">${t("negotiation.unknown")}</p>`
      : over.length === 0 && html`<p class="hint" data-testid="no-proposals">${t("negotiation.none")}</p>`}
    ${over.length > 0 && html`<ul class="changes">${over.map((each) => html`<${Proposal} key=${each.id} negotiation=${each} own=${own} />`)}</ul>`}
    ${mine !== undefined && theirs !== undefined && negotiations !== null && !over.some(({ state }) => state === "proposed" || state === "accepted")
      && (isUnlocked ? html`<${Suggestions} ids=${[mine.id, theirs.id]} />` : html`<div class="commands"><${CommandHint} />
        <${Command} command=${commandOf(["propose"], [mine.id, theirs.id])} label=${t("command.propose")} /></div>`)}
  </section>`;
}

/** @param {{id: string, party: string | null}} props */
function SideState({ id, party }) {
  const coordinated = useSelected((state) => state.coordination.items?.get(id));
  if (coordinated === undefined) return null;
  return html`<p class="row"><${PartyMark} party=${party} /> <bdi class="id">${id}</bdi> <${CoordinationTag} state=${coordinated.state} /></p>`;
}

/** @param {{negotiation: Negotiation, own: string}} props */
function Proposal({ negotiation, own }) {
  const t = useTexts();
  const isUnlocked = useIsUnlocked();
  const { id, by, to, state, changes, counters, answer } = negotiation;
  const isAsked = to === own && state === "proposed";
  const isTakeBack = by === own && (state === "proposed" || state === "accepted");
  return html`<li class=${`proposal ${state}`} data-testid="proposal" data-id=${id} data-state=${state}>
    <p class="row"><strong>${t(`negotiation.${state}`)}</strong> <bdi class="id dim">${id}</bdi></p>
    <dl class="cells">
      <div><dt>${t("negotiation.by")}</dt><dd><${PartyName} party=${by} /></dd></div>
      <div><dt>${t("negotiation.to")}</dt><dd><${PartyName} party=${to} /></dd></div>
      ${state === "proposed" && html`<div><dt><${Icon} name="waiting" /> ${t("negotiation.waits_for")}</dt><dd><${PartyName} party=${to} /></dd></div>`}
      ${counters !== null && html`<div><dt>${t("negotiation.counters")}</dt><dd><bdi class="id">${counters}</bdi></dd></div>`}
      ${answer !== null && answer.reason !== "" && html`<div><dt>${t("negotiation.reason")}</dt><dd><bdi>${answer.reason}</bdi></dd></div>`}
    </dl>
    <ul class="proposed-changes">${changes.map(({ item, becomes }) =>
      html`<${ProposedChange} key=${`${item.party}:${item.id}`} item=${item} becomes=${becomes} own=${own} />`)}</ul>
    ${(isAsked || isTakeBack) && isUnlocked && html`<div class="row acts">
      ${isAsked && html`<${Act} asked=${{ kind: "accept", proposal: id, reason: "" }} label=${t("act.accept")} testId="act-accept" />
        <${Act} asked=${{ kind: "decline", proposal: id }} label=${t("act.decline")} testId="act-decline" reason="optional" />
        <${Suggestions} ids=${negotiation.conflict.map((ref) => localIdOf(ref, own))} counters=${id} />`}
      ${isTakeBack && html`<${Act} asked=${{ kind: "withdraw_proposal", proposal: id }} label=${t("act.withdraw")} testId="act-withdraw" />`}
    </div>`}
    ${(isAsked || isTakeBack) && !isUnlocked && html`<div class="commands"><${CommandHint} />
      ${isAsked && html`<${Command} command=${commandOf(["accept"], [id])} label=${t("command.accept")} />
        <${Command} command=${commandOf(["decline"], [id])} label=${t("command.decline")} hint=${t("command.reason_optional")} />
        <${Command} command=${commandOf(["counter"], [id])} label=${t("command.counter")} />`}
      ${isTakeBack && html`<${Command} command=${commandOf(["withdraw-proposal"], [id])} label=${t("command.withdraw_proposal")} />`}
    </div>`}
  </li>`;
}

/** @param {{item: ItemRef, becomes: unknown, own: string}} props */
function ProposedChange({ item, becomes, own }) {
  const t = useTexts();
  const quantities = useQuantities();
  const actions = useActions();
  const todayMs = useSelected((state) => Math.floor(state.nowMs / 86_400_000) * 86_400_000);
  const { language } = useSelected((state) => state.preferences);
  const id = localIdOf(item, own);
  const held = useSelected((state) => state.records.get(id)?.item);
  const after = useMemo(() => drawable(becomes, item, own), [becomes]);
  const name = html`<${PartyMark} party=${item.party} /> <bdi class="id">${id}</bdi> <span class="dim">${t("negotiation.version", { version: item.version })}</span>`;
  if (after === null) return html`<li>${name} <span class="problem">${t("negotiation.cannot_be_drawn")}</span></li>`;
  const { startMs, endMs } = spanOf(after);
  const band = bandOf(after);
  const show = () => actions.preview(after);
  const hide = () => actions.preview(null);
  return html`<li class="change" data-testid="proposed-change" onMouseEnter=${show} onMouseLeave=${hide} onFocusIn=${show} onFocusOut=${hide}>
    <div class="change-words">
      <p>${name}</p>
      <strong>${held === undefined ? "" : differenceText(held, after, { t, quantities, language })}</strong>
      <dl class="cells">
        <div><dt>${t("change.window")}</dt><dd>${leftToRight(`${instantText(startMs, todayMs)} – ${instantText(endMs, todayMs)}`)}</dd></div>
        <div><dt>${t("change.band")}</dt><dd>${quantities.band(band.lower_m, band.upper_m)}</dd></div>
      </dl>
    </div>
    <button type="button" data-testid="show-proposal" onClick=${() => actions.showProposal(after)}>${t("guide.show")}</button>
  </li>`;
}

/**
 * @param {Item} before
 * @param {Item} after
 * @param {{t: import("../texts.js").Translate, quantities: import("../quantities.js").Quantities, language: string}} words
 */
function differenceText(before, after, words) {
  const { t } = words;
  const { time_shift_s, altitude_shift_m, isElsewhere } = differenceOf(before, after);
  const shift = { time_shift_s: time_shift_s ?? 0, altitude_shift_m: altitude_shift_m ?? 0, lateral_m: 0, bearing_deg: null };
  const parts = [headlineOf(shift, words)];
  if (time_shift_s === null) parts.push(t("negotiation.other_times"));
  if (altitude_shift_m === null) parts.push(t("negotiation.other_heights"));
  if (isElsewhere) parts.push(t("negotiation.other_outline"));
  return parts.filter((part) => part !== "").join(t("list.and")) || t("negotiation.same");
}
