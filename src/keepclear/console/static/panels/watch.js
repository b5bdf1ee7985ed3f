/**
 * The watch: what needs people, what that list means, what cannot be judged, what it sees by, and what was before.
 *
 * An empty list alone would look like "all keep clear": above it always stands whether anything is watched, and
 * whether all of it can be judged.
 */

import { html, useActions, useMemo, useSelected, useState, useTexts } from "../preact.js";
import { leftToRight, numberText } from "../texts.js";
import { clockText, msOf } from "../times.js";
import { areAlertsCurrent, isToldCurrent, isOver, momentOf, shownAlerts, STATUSES, verdictOf } from "../watch.js";
import { AlertCard } from "./alert.js";
import { Feeds } from "./feeds.js";
import { ReplayControls } from "./replay.js";
import { rove } from "./roving.js";
import { SoundControl } from "./sound.js";

/** @typedef {import("../watch_types.js").WatchTold} WatchTold */

const SHOWN_MAX = 60;

export function WatchPanel() {
  const t = useTexts();
  const watch = useSelected((state) => state.watch);
  const selected = useSelected((state) => state.selection.alertId);
  const liveNowMs = useSelected((state) => state.nowMs);
  const moment = momentOf(watch);
  const alerts = shownAlerts(watch);
  const told = moment?.watch ?? watch.told;
  const toldAt = moment?.at ?? watch.alerts?.now ?? "";
  const nowMs = moment === null ? liveNowMs : msOf(moment.at);
  const shown = alerts.slice(0, SHOWN_MAX);
  const unlisted = alerts.length - shown.length + (moment === null ? watch.alerts?.unlisted_count ?? 0 : 0);
  const hasSelected = shown.some(({ id }) => id === selected);
  return html`<h2>${t("watch.title")}</h2>
    <${SoundControl} />
    <${Verdict} />
    ${shown.length > 0 && html`<ol class="findings" data-testid="alert-list" data-roving onKeyDown=${rove}>
      ${shown.map((alert, k) => html`<${AlertCard} key=${alert.id} alert=${alert} told=${toldAt} nowMs=${nowMs} isSelected=${alert.id === selected}
        isReachable=${hasSelected ? undefined : k === 0} isPast=${moment !== null} />`)}</ol>`}
    ${unlisted > 0 && html`<p class="verdict stale"><strong>${t("watch.unlisted", { count: unlisted })}</strong></p>`}
    ${told !== null && html`<${Blind} told=${told} />`}
    <${Ended} />
    ${told !== null && html`<${Seen} told=${told} /><${Feeds} told=${told} nowMs=${nowMs} rates=${moment === null ? watch.rates : {}} />`}
    <${ReplayControls} />`;
}

/** Tells what the list means: nothing watched, no alert, and cannot tell are three things. */
function Verdict() {
  const t = useTexts();
  const watch = useSelected((state) => state.watch);
  const isCurrent = useSelected((state) => areAlertsCurrent(state, performance.now()) && isToldCurrent(state, performance.now()));
  const moment = momentOf(watch);
  const told = moment?.watch ?? watch.told;
  if (told === null || (moment === null && watch.alerts === null)) {
    return html`<div class="verdict waiting" data-testid="watch-verdict" data-state="unknown"><strong>${t("watch.verdict.unknown")}</strong></div>`;
  }
  if (moment === null && !isCurrent) {
    return html`<div class="verdict stale" data-testid="watch-verdict" data-state="stale"><strong>${t("watch.verdict.stale")}</strong><p>${t("watch.verdict.stale_detail")}</p></div>`;
  }
  const open = shownAlerts(watch).filter((alert) => !isOver(alert));
  const verdict = verdictOf(open, told);
  const look = { alerts: "conflict", nothing: "unknown", cannot_tell: "cannot_decide", none: "clear" }[verdict];
  const time = leftToRight(clockText(msOf(told.now), { seconds: true }));
  return html`<div class=${`verdict ${look}`} data-testid="watch-verdict" data-state=${verdict}>
    <strong>${t(`watch.verdict.${verdict}`, { count: open.length })}</strong>
    ${verdict === "nothing" && html`<p>${t("watch.verdict.nothing_detail")}</p>`}
    ${verdict === "cannot_tell" && html`<p>${t("watch.verdict.cannot_tell_detail")}</p>`}
    ${verdict === "alerts" && !told.is_watching && html`<p>${t("watch.verdict.nothing_detail")}</p>`}
    ${told.is_watching && html`<p class="dim">${t("watch.checked", { tracks: told.track_count, rules: told.rule_set, time })}</p>`}</div>`;
}

/** What cannot be judged, in the words of the node. @param {{told: WatchTold}} props */
function Blind({ told: { blind, pairs_cannot_exclude: pairs, not_predicted_count: count } }) {
  const t = useTexts();
  if (blind.length === 0 && pairs === 0 && count === 0) return null;
  return html`<section aria-label=${t("watch.blind")} data-testid="blind"><h2>${t("watch.blind")}</h2><div class="verdict cannot_decide">
    <ul>${blind.map((sentence) => html`<li key=${sentence}><bdi dir="auto">${sentence}</bdi></li>`)}
      ${pairs > 0 && html`<li>${t("watch.pairs", { count: pairs })}</li>`}
      ${count > 0 && html`<li>${t("watch.not_predicted", { count })}</li>`}</ul></div></section>`;
}

/** What is seen, by how well. @param {{told: WatchTold}} props */
function Seen({ told: { by_status, cycle_took_ms, is_watching } }) {
  const t = useTexts();
  const language = useSelected((state) => state.preferences.language);
  if (!is_watching) return null;
  return html`<section aria-label=${t("watch.seen")}><h2>${t("watch.seen")}</h2><dl class="cells" data-testid="by-status">
    ${STATUSES.map((status) => html`<div key=${status}><dt>${t(`status.${status}`)}</dt><dd>${numberText(by_status[status] ?? 0, language)}</dd></div>`)}
    <div><dt>${t("watch.cycle")}</dt><dd>${t("unit.ms", { value: numberText(cycle_took_ms, language) })}</dd></div></dl></section>`;
}

/** Alerts that are over, asked for when they are wanted. */
function Ended() {
  const t = useTexts();
  const actions = useActions();
  const ended = useSelected((state) => state.watch.ended);
  const open = useSelected((state) => state.watch.alerts);
  const selected = useSelected((state) => state.selection.alertId);
  const nowMs = useSelected((state) => state.nowMs);
  const [isOpen, setIsOpen] = useState(false);
  const listed = useMemo(() => new Set((open?.alerts ?? []).map(({ id }) => id)), [open]);
  /** @param {any} event */
  function toggle(event) {
    setIsOpen(event.target.open);
    if (event.target.open) actions.loadEnded();
  }
  return html`<details class="ended" data-testid="ended" onToggle=${toggle}><summary>${t("watch.ended")}</summary>
    ${isOpen && ended !== null && (ended.length === 0 ? html`<p class="hint">${t("watch.none_ended")}</p>` : html`<ol class="findings" data-roving onKeyDown=${rove}>
      ${ended.filter(({ id }) => !listed.has(id)).slice(0, SHOWN_MAX).map((alert, k) => html`<${AlertCard} key=${alert.id} alert=${alert} told="" nowMs=${nowMs} isSelected=${alert.id === selected}
        isReachable=${k === 0} isPast />`)}</ol>`)}</details>`;
}
