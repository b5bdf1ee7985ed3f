/** What of the watch nobody may overlook, on every panel: alerts that nobody read, and feeds of which nothing comes. */

import { html, useActions, useEffect, useQuantities, useSelected, useState, useTexts } from "../preact.js";
import { mayChange } from "../state.js";
import { leftToRight } from "../texts.js";
import { clockText, msOf } from "../times.js";
import { areAlertsCurrent, callingOf, isOver, isToldCurrent, momentOf, troubledFeeds } from "../watch.js";
import { AlertNames, AlertWhat, Closest, NoData, UrgencyWord } from "./alert_words.js";
import { Icon } from "./icons.js";

/** @typedef {import("../watch_types.js").Alert} Alert */
/** @typedef {import("../watch_types.js").Feed} Feed */

/** So many alerts, and so many feeds, have a line of their own; the rest is counted. */
const LINES_MAX = 3;
const GOES_AFTER_MS = 500;

export function AlertBanners() {
  const t = useTexts();
  const alerts = useSelected((state) => state.watch.alerts);
  const told = useSelected((state) => state.watch.told);
  const isCurrent = useSelected((state) => areAlertsCurrent(state, performance.now()));
  const isLive = useSelected((state) => state.link === "live");
  const isSilent = useSelected((state) => state.link === "live" && state.watch.told !== null
    && !(isToldCurrent(state, performance.now()) && areAlertsCurrent(state, performance.now())));
  const calling = callingOf(alerts?.alerts ?? []);
  const feeds = isLive ? troubledFeeds(told) : []; // else nothing of this is current, and that is told
  return html`
    ${calling.slice(0, LINES_MAX).map((alert, k) => html`<${Call} key=${alert.id} alert=${alert} isFirst=${k === 0} told=${alerts?.now ?? ""} isCurrent=${isCurrent} />`)}
    ${calling.length > LINES_MAX && html`<div class="banner stale" data-testid="more-alerts"><strong>${t("watch.more_calling", { count: calling.length - LINES_MAX })}</strong> <${ShowWatch} /></div>`}
    ${isSilent && html`<div class="banner cut" data-testid="watch-silent"><strong role="alert"><${Icon} name="cut" /> ${t("watch.silent")}</strong> <${ShowWatch} /></div>`}
    ${feeds.slice(0, LINES_MAX).map((feed) => html`<${SilentFeed} key=${feed.name} feed=${feed} />`)}
    ${feeds.length > LINES_MAX && html`<div class="banner stale small"><strong>${t("watch.more_feeds", { count: feeds.length - LINES_MAX })}</strong> <${ShowWatch} /></div>`}`;
}

/** @param {{alert: Alert, isFirst: boolean, told: string, isCurrent: boolean}} props */
function Call({ alert, isFirst, told, isCurrent }) {
  const t = useTexts();
  const actions = useActions();
  const nowMs = useSelected((state) => state.nowMs);
  const isShown = useSelected((state) => state.panel === "watch" && state.selection.alertId === alert.id && momentOf(state.watch) === null);
  const isWarning = alert.urgency === "warning";
  return html`<div class=${`banner ${isWarning ? "cut" : "stale"} call`} data-testid="alert-call" data-id=${alert.id} data-urgency=${alert.urgency}>
    <strong role="alert"><${UrgencyWord} urgency=${alert.urgency} /></strong>
    <${AlertNames} alert=${alert} />
    <span class="row-words"><${AlertWhat} alert=${alert} told=${told} nowMs=${nowMs} /> <${Closest} alert=${alert} /></span>
    <${NoData} alert=${alert} />
    ${!isCurrent && html`<span class="tag" data-testid="not-current">${t("watch.not_current")}</span>`}
    <${Acknowledge} alert=${alert} />
    ${!isShown && html`<button type="button" data-testid="show-alert" onClick=${() => actions.selectAlert(alert.id, { isOfNow: true })}>${t("guide.show")}</button>`}
    ${isFirst && isWarning && html`<${NoSound} />`}</div>`;
}

/**
 * Says that no tone is heard yet. It goes a moment after the first touch: what is pressed must not move away under
 * the pointer before it is let go.
 */
function NoSound() {
  const t = useTexts();
  const isAllowed = useSelected((state) => state.sound.isAllowed);
  const [isGone, setIsGone] = useState(isAllowed);
  useEffect(() => {
    const timer = setTimeout(() => setIsGone(isAllowed), GOES_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isAllowed]);
  return isGone ? null : html`<span data-testid="no-sound"><${Icon} name="silent" /> ${t("sound.off")}</span>`;
}

/** @param {{alert: Alert}} props */
export function Acknowledge({ alert }) {
  const t = useTexts();
  const actions = useActions();
  const canChange = useSelected(mayChange);
  const { id } = alert;
  const acting = useSelected((state) => state.watch.acting[id]);
  if (alert.is_acknowledged || isOver(alert) || !canChange) return null;
  return html`<button type="button" data-testid="acknowledge" disabled=${acting === ""} onClick=${() => actions.acknowledge(alert)}>${t("alert.acknowledge")}</button>
    ${acting !== undefined && acting !== "" && html`<span class="problem" role="alert">${t("alert.not_acknowledged", { reason: acting })}</span>`}`;
}

/** @param {{feed: Feed}} props */
function SilentFeed({ feed: { name, state, last_report } }) {
  const t = useTexts();
  const quantities = useQuantities();
  const nowMs = useSelected((each) => each.nowMs);
  return html`<div class="banner stale small" data-testid="feed-banner" data-feed=${name} data-state=${state}>
    <strong role="alert"><${Icon} name=${state === "silent" ? "late" : "cut"} /> ${t(`feed.banner.${state}`, { name })}</strong>
    <span>${last_report === null ? t("feed.never") : t("feed.last", {
      at: leftToRight(clockText(msOf(last_report), { seconds: true })),
      age: quantities.duration(Math.max(0, Math.round((nowMs - msOf(last_report)) / 1000))),
    })}</span> <${ShowWatch} /></div>`;
}

function ShowWatch() {
  const t = useTexts();
  const actions = useActions();
  const isShown = useSelected((state) => state.panel === "watch");
  return !isShown && html`<button type="button" data-testid="show-watch" onClick=${() => actions.openPanel("watch")}>${t("guide.show")}</button>`;
}
