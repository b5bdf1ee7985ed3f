/** What nobody may overlook, on every panel: people who wait for an answer, and lines that are held or down. */

import { html, useActions, useSaid, useSelected, useTexts } from "../preact.js";
import { troubledChannels, waitingFor } from "../hotline.js";
import { ChannelTag, Since } from "./channels.js";
import { Icon } from "./icons.js";
import { PartyMark } from "./party_mark.js";

/** @typedef {import("../hotline_types.js").Channel} Channel */
/** @typedef {import("../hotline_types.js").Message} Message */

/** So many messages have a line of their own; the rest is counted. */
const LINES_MAX = 3;

export function HotlineBanners() {
  const t = useTexts();
  const open = useSelected((state) => state.hotline.open);
  const channels = useSelected((state) => state.hotline.channels);
  const status = useSelected((state) => state.hotline.status);
  const own = useSelected((state) => state.session?.node.party ?? "");
  const isCurrent = useSelected((state) => state.link === "live") && status === "known";
  const urgent = waitingFor(open ?? [], own).filter(({ priority, drill }) => priority !== "routine" && drill === null);
  return html`
    ${status === "failed" && html`<div class="banner stale" data-testid="hotline-failed"><strong role="alert">${t("hotline.stale")}</strong></div>`}
    ${urgent.slice(0, LINES_MAX).map((message) => html`<${Waiting} key=${message.number} message=${message} />`)}
    ${urgent.length > LINES_MAX && html`<div class="banner stale"><strong>${t("hotline.more_waiting", { count: urgent.length - LINES_MAX })}</strong> <${Show} /></div>`}
    ${troubledChannels(channels).map((channel) => html`<${Line} key=${channel.party} channel=${channel} isCurrent=${isCurrent} />`)}`;
}

/** @param {{message: Message}} props */
function Waiting({ message: { ref, number, priority, texts, sent_at, seen, state } }) {
  const t = useTexts();
  const said = useSaid();
  const isDistress = priority === "distress";
  return html`<div class=${`banner ${isDistress ? "cut" : "stale"} call`} data-testid="call" data-number=${number} data-priority=${priority}>
    <strong role="alert"><${Icon} name=${isDistress ? "alarm" : "conflicting"} /> ${t(`priority.${priority}`)}</strong>
    <${PartyMark} party=${ref.party} /> <span class="sentence" dir="auto">${said(texts)}</span>
    <${Since} since=${sent_at} />
    <span>${t(seen === null ? "hotline.not_seen" : state === "standby" ? "dialogue.standby" : "hotline.not_answered")}</span> <${Show} /></div>`;
}

/** @param {{channel: Channel, isCurrent: boolean}} props */
function Line({ channel: { party, state, since, theirs, fallback }, isCurrent }) {
  const t = useTexts();
  const isTheirs = state !== "hold" && state !== "down" && theirs !== null;
  return html`<div class="banner stale" data-testid="line-banner" data-party=${party} data-state=${state}>
    <strong role="alert"><${Icon} name=${state === "hold" ? "hold" : "cut"} /> ${t(isTheirs && !fallback.applies ? "hotline.line_theirs" : "hotline.line", { party })}</strong>
    <${ChannelTag} state=${isTheirs && !fallback.applies ? theirs.state : state} isCurrent=${isCurrent} /> <${Since} since=${since} />
    ${fallback.applies && html`<span>${t("fallback.banner")}</span>`} <${Show} /></div>`;
}

function Show() {
  const t = useTexts();
  const actions = useActions();
  const isShown = useSelected((state) => state.panel === "hotline");
  return !isShown && html`<button type="button" data-testid="show-hotline" onClick=${actions.openHotline}>${t("guide.show")}</button>`;
}
