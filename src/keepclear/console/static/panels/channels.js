/** How the line to each party is: what either side makes of it and why, the link apart from it, who is on duty. */

import { html, useActions, useQuantities, useSaid, useSelected, useState, useTexts } from "../preact.js";
import { newMessage, numberOf } from "../hotline.js";
import { mayChange } from "../state.js";
import { leftToRight } from "../texts.js";
import { msOf } from "../times.js";
import { Icon } from "./icons.js";
import { PartyName } from "./party_mark.js";
import { Instant } from "./receipts.js";

/** @typedef {import("../hotline_types.js").Channel} Channel */
/** @typedef {import("../hotline_types.js").ChannelWord} ChannelWord */
/** @typedef {import("../hotline_types.js").Duty} Duty */

const ICONS = /** @type {const} */ ({ open: "up", degraded: "degraded", hold: "hold", down: "cut", unknown: "unknown" });
const REASON_CHARACTERS_MAX = 1000;

/** The state of a channel as a word with a sign; what may be old is never called open. @param {{state: ChannelWord, isCurrent?: boolean}} props */
export function ChannelTag({ state, isCurrent = true }) {
  const t = useTexts();
  const shown = isCurrent ? state : "unknown";
  return html`<span class=${`tag channel-tag ${shown}`} data-testid="channel-state" data-state=${shown}><${Icon} name=${ICONS[shown]} /> ${t(`channel.${shown}`)}</span>`;
}

/** @param {{channel: Channel, isCurrent: boolean}} props */
export function ChannelCard({ channel, isCurrent }) {
  const t = useTexts();
  const said = useSaid();
  const quantities = useQuantities();
  const canChange = useSelected(mayChange);
  const { party, state, since, reasons, theirs, differs, link, unheard_s, on_duty, hold, human_test, machine_test, received } = channel;
  return html`<article class=${`party-card channel-card ${isCurrent ? state : "unknown"}`} data-testid="channel" data-party=${party} aria-label=${party}>
    <h3><${PartyName} party=${party} /> <${ChannelTag} state=${state} isCurrent=${isCurrent} /></h3>
    ${reasons.length > 0 && html`<ul class="reasons-list" data-testid="channel-reasons">${reasons.map(({ code, texts }) => html`<li key=${code} data-code=${code}>${said(texts)}</li>`)}</ul>`}
    <dl class="stacked lines">
      <div><dt>${t("channel.duty_there")}</dt><dd data-testid="duty-there"><${Roster} duty=${on_duty.theirs} /></dd></div>
      <div><dt>${t("channel.duty_here")}</dt><dd data-testid="duty-here"><${Roster} duty=${on_duty.ours} /></dd></div>
      <div><dt>${t("channel.link")}</dt><dd>${link === null ? t("parties.no_link") : t(`parties.link.${link}`)} ${unheard_s !== null && html`<span class="dim">${t("parties.ago", { age: quantities.duration(Math.round(unheard_s)) })}</span>`}</dd></div>
      ${(theirs === null || differs) && html`<div><dt>${t("channel.theirs")}</dt><dd data-testid="channel-theirs">${theirs === null ? t("channel.not_told") : html`<span data-testid="their-state">${t(`channel.${theirs.state}`)}</span> <${Instant} at=${theirs.at} />`}
        ${differs && html` <span class="bad" data-testid="channel-differs"><${Icon} name="conflicting" /> ${t("channel.differs")}</span>`}</dd></div>`}
    </dl>
    <details><summary>${t("channel.tests")}</summary><dl class="stacked lines">
      ${theirs !== null && !differs && html`<div><dt>${t("channel.theirs")}</dt><dd data-testid="channel-theirs">${t(`channel.${theirs.state}`)} <${Instant} at=${theirs.at} /></dd></div>`}
      ${since !== null && html`<div><dt>${t("channel.since")}</dt><dd><${Instant} at=${since} /></dd></div>`}
      <div><dt>${t("channel.human_test")}</dt><dd>${human_test === null ? t("channel.never") : html`<${Instant} at=${human_test.at} /> <bdi>${human_test.person}</bdi> <bdi class="dim" dir="ltr">${numberOf(human_test.ref)}</bdi>`}</dd></div>
      <div><dt>${t("channel.machine_test")}</dt><dd>${machine_test === null ? t("channel.never") : html`<${Instant} at=${machine_test.at} /> ${t(machine_test.ok === null ? "channel.test_waits" : machine_test.ok ? "channel.test_ok" : "channel.test_failed")}`}</dd></div>
      <div><dt>${t("channel.received")}</dt><dd>${leftToRight(`${received.ours_by_them ?? "?"} / ${received.theirs_by_us}`)}</dd></div>
    </dl></details>
    ${[hold.ours, hold.theirs].map((held) => held !== null && html`<p key=${held.by} class="verdict stale" data-testid="channel-hold"><strong><${Icon} name="hold" /> ${t("holds.by", { party: held.by })}</strong> <${Instant} at=${held.since} /> <bdi>${held.reason}</bdi></p>`)}
    <${Fallback} channel=${channel} />
    ${canChange && html`<${LineActions} channel=${channel} />`}
  </article>`;
}

/** @param {{duty: Duty[]}} props */
function Roster({ duty }) {
  const t = useTexts();
  if (duty.length === 0) return html`<span class="bad">${t("channel.nobody")}</span>`;
  return html`<ul class="roster">${duty.map(({ person, since, senior, telephone }) => html`<li key=${person}><bdi>${person}</bdi>${senior && html` <span class="tag">${t("duty.senior")}</span>`}
    <span class="dim">${t("duty.since")} <${Instant} at=${since} /></span>${telephone !== "" && html` <bdi dir="ltr" class="telephone">${telephone}</bdi>`}</li>`)}</ul>`;
}

/** What applies between the two parties while the line is held or cut. @param {{channel: Channel}} props */
export function Fallback({ channel: { fallback: { applies, since, buffer, split, breaches } } }) {
  const t = useTexts();
  const quantities = useQuantities();
  if (!applies) return null;
  return html`<div class="verdict refused fallback" data-testid="fallback"><strong><${Icon} name="alarm" /> ${t("fallback.applies")}</strong>
    ${since !== null && html` <${Instant} at=${since} />`}
    ${buffer !== null && html`<p>${t("fallback.gaps")} ${[quantities.agreed(buffer.lateral_m, false), quantities.agreed(buffer.vertical_m, true), quantities.duration(buffer.time_s)].join(" · ")}</p>`}
    ${buffer === null && html`<p>${t("fallback.no_gaps")}</p>`}
    ${split !== null && html`<p>${t("fallback.split", { party: split.below, height: quantities.height(split.altitude_m) })}</p>`}
    ${breaches.length > 0 && html`<p>${t("fallback.breaches")} ${breaches.map((id) => html`<bdi class="id" key=${id}>${id}</bdi> `)}</p>`}</div>`;
}

/** @param {{channel: Channel}} props */
function LineActions({ channel: { party, hold } }) {
  const t = useTexts();
  const actions = useActions();
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const [reason, setReason] = useState(/** @type {string | null} */ (null));
  /** @param {Event} event */
  function suspend(event) {
    event.preventDefault();
    actions.sign({ kind: "hold", peer: party, reason: (reason ?? "").trim() }, () => setReason(null));
  }
  return html`<div class="row">
    <button type="button" class="primary" data-testid="compose-to-party" onClick=${() => actions.compose({ to: party })}>${t("compose.begin")}</button>
    ${isUnlocked && html`<button type="button" data-testid="line-test" onClick=${() => actions.send(newMessage({ to: party, code: "line_test" }))}>${t("channel.line_test")}</button>
      ${hold.ours === null ? html`<button type="button" class="danger" data-testid="hold-line" aria-expanded=${reason !== null} onClick=${() => setReason(reason === null ? "" : null)}>${t("channel.hold_line")}</button>`
    : html`<button type="button" data-testid="resume-line" onClick=${() => actions.sign({ kind: "resume", peer: party, reason: "" })}>${t("channel.resume_line")}</button>`}`}
    <button type="button" data-testid="voice-check" onClick=${() => actions.openVoice(party)}>${t("voice.begin")}</button>
    ${reason !== null && html`<form class="fields hold-form" onSubmit=${suspend}><p class="hint">${t("channel.hold_means")}</p>
      <label class="field wide-field"><span class="field-name">${t("negotiation.reason")}</span><input type="text" dir="auto" maxlength=${REASON_CHARACTERS_MAX} data-testid="hold-reason" value=${reason} onInput=${(/** @type {any} */ event) => setReason(event.target.value)} /></label>
      <button type="submit" class="danger" data-testid="hold-confirm" disabled=${reason.trim() === ""}>${t("channel.hold_line")}</button></form>`}
  </div>`;
}

/** How long ago a channel was heard, for banners. @param {{since: string | null}} props */
export function Since({ since }) {
  const t = useTexts();
  const quantities = useQuantities();
  const age_s = useSelected((state) => (since === null ? null : Math.max(0, Math.round((state.nowMs - msOf(since)) / 1000))));
  return age_s !== null && html`<span>${t("hotline.for", { age: quantities.duration(age_s) })}</span>`;
}
