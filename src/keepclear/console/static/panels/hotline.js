/** The hotline: what waits for this party, the state of each line, who is on duty, and all that was said. */

import { html, useActions, useSaid, useSelected, useTexts } from "../preact.js";
import { waitingFor } from "../hotline.js";
import { mayChange } from "../state.js";
import { ChannelCard } from "./channels.js";
import { Compose } from "./compose.js";
import { Drills } from "./drills.js";
import { DutyActions } from "./duty.js";
import { UnlockHint } from "./key_dialog.js";
import { MessageCard, MessageHead } from "./message.js";
import { PartyName } from "./party_mark.js";
import { Instant } from "./receipts.js";
import { SoundControl } from "./sound.js";

/** @typedef {import("../hotline_types.js").Message} Message */

export function HotlinePanel() {
  const t = useTexts();
  const actions = useActions();
  const { status, error, channels, open, isOpenWhole } = useSelected((state) => state.hotline);
  const compose = useSelected((state) => state.compose);
  const isLive = useSelected((state) => state.link === "live");
  const own = useSelected((state) => state.session?.node.party ?? "");
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const canChange = useSelected(mayChange);
  const isCurrent = status === "known" && isLive;
  const waiting = waitingFor(open ?? [], own);
  const unseen = waiting.filter(({ seen }) => seen === null);
  return html`<h2>${t("hotline.title")}</h2>
    ${!isCurrent && html`<div class="verdict unknown" data-testid="hotline-stale"><strong>${t("hotline.stale")}</strong> <bdi>${error}</bdi></div>`}
    ${canChange ? !isUnlocked && html`<${UnlockHint} />` : html`<p class="hint">${t("item.viewer")}</p>`}
    <${SoundControl} />
    ${compose !== null && html`<${Compose} compose=${compose} />`}
    ${!isOpenWhole && html`<p class="verdict stale"><strong>${t("hotline.not_whole")}</strong></p>`}
    ${waiting.length > 0 && html`<h2>${t("hotline.waiting")}</h2>
      ${isUnlocked && unseen.length > 1 && html`<button type="button" class="wide" data-testid="mark-all-seen" onClick=${() => actions.markSeen(unseen)}>${t("hotline.mark_all", { count: unseen.length })}</button>`}
      <ol class="messages" data-testid="waiting-messages">${waiting.map((message) => html`<${MessageCard} key=${message.number} message=${message} />`)}</ol>
      <h2>${t("hotline.lines")}</h2>`}
    ${channels !== null && channels.map((channel) => html`<${ChannelCard} key=${channel.party} channel=${channel} isCurrent=${isCurrent} />`)}
    <${DutyActions} />
    <${Drills} />
    <h2>${t("hotline.messages")}</h2>
    <${Filter} />
    <${HeardWithoutNumber} />
    <${MessageList} above=${waiting} />`;
}

function Filter() {
  const t = useTexts();
  const actions = useActions();
  const { party, isOpenOnly } = useSelected((state) => state.hotline.filter);
  const channels = useSelected((state) => state.hotline.channels) ?? [];
  return html`<div class="row">
    ${channels.length > 1 && html`<label class="choice">${t("filter.party")} <select data-testid="hotline-party" value=${party} onChange=${(/** @type {any} */ event) => actions.filterHotline({ party: event.target.value })}>
      <option value="" selected=${party === ""}>${t("filter.all")}</option>${channels.map((each) => html`<option key=${each.party} value=${each.party} selected=${each.party === party}>${each.party}</option>`)}</select></label>`}
    <label class="check"><input type="checkbox" data-testid="open-only" checked=${isOpenOnly} onChange=${(/** @type {any} */ event) => actions.filterHotline({ isOpenOnly: event.target.checked })} />${t("hotline.open_only")}</label></div>`;
}

/** What was written down by voice, and of which nobody knows which message it is. */
function HeardWithoutNumber() {
  const t = useTexts();
  const said = useSaid();
  const { unnumbered, unnumbered_more } = useSelected((state) => state.hotline);
  if (unnumbered.length === 0) return null;
  return html`<h3>${t("hotline.unnumbered")}</h3>
    <ol class="messages" data-testid="unnumbered">${unnumbered.map(({ heard_by, n, person, heard_at, by, to, priority, drill, expired, texts, warning }) => html`<li key=${`${heard_by} ${n}`} class=${`message ${priority}`}>
      <${MessageHead} by=${by} to=${to} number="" priority=${priority} drill=${drill}>${expired && html`<span class="tag mark expired">${t("message.expired")}</span>`}<//>
      <p class="sentence" dir="auto">${said(texts)}</p>
      <p class="dim message-meta"><${PartyName} party=${heard_by} /> <bdi>${person}</bdi> <${Instant} at=${heard_at} /></p>
      <p class="verdict stale"><strong dir="auto">${said(warning)}</strong></p></li>`)}</ol>
    ${unnumbered_more > 0 && html`<p class="verdict stale"><strong>${t("hotline.unnumbered_more", { count: unnumbered_more })}</strong></p>`}`;
}

/** The newest first, but those that stand above already. @param {{above: Message[]}} props */
function MessageList({ above }) {
  const t = useTexts();
  const actions = useActions();
  const { messages, next } = useSelected((state) => state.hotline);
  if (messages === null) return html`<p class="hint" role="status">${t("hotline.loading")}</p>`;
  if (messages.length === 0) return html`<p class="hint" data-testid="no-messages">${t("hotline.none")}</p>`;
  const shown = messages.filter(({ number }) => above.every((each) => each.number !== number));
  return html`<ol class="messages" data-testid="messages">${shown.map((message) => html`<${MessageCard} key=${message.number} message=${message} />`)}</ol>
    ${next !== null && html`<button type="button" class="wide" data-testid="older" onClick=${actions.loadOlder}>${t("hotline.older")}</button>`}`;
}
