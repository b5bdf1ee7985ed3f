/** How each feed is: a feed of which nothing comes must not look like a sky in which nothing flies. */

import { html, useQuantities, useSelected, useTexts } from "../preact.js";
import { numberText } from "../texts.js";
import { msOf } from "../times.js";
import { Icon } from "./icons.js";

/** @typedef {import("../watch_types.js").Feed} Feed */

/** @type {Record<Feed["state"], import("./icons.js").IconName>} */
const SIGNS = { connecting: "waiting", live: "up", silent: "late", waiting: "waiting", ended: "over", failed: "cut" };

/** @param {{told: import("../watch_types.js").WatchTold, nowMs: number, rates: Record<string, number | null>}} props */
export function Feeds({ told: { feeds }, nowMs, rates }) {
  const t = useTexts();
  return html`<section aria-label=${t("feed.title")}><h2>${t("feed.title")}</h2>
    ${feeds.length === 0 && html`<p class="hint" data-testid="no-feeds">${t("feed.none")}</p>`}
    ${feeds.map((feed) => html`<${FeedCard} key=${feed.name} feed=${feed} nowMs=${nowMs} rate=${rates[feed.name] ?? null} />`)}</section>`;
}

/** @param {{feed: Feed, nowMs: number, rate: number | null}} props */
function FeedCard({ feed, nowMs, rate }) {
  const t = useTexts();
  const quantities = useQuantities();
  const language = useSelected((state) => state.preferences.language);
  const count = (/** @type {number} */ number) => numberText(number, language);
  const { name, address, format, state, last_report: last, last_problem: problem } = feed;
  const age = last === null ? t("feed.never") : quantities.duration(Math.max(0, Math.round((nowMs - msOf(last)) / 1000)));
  /** @type {[string, string, boolean][]} */
  const counts = [
    ["malformed", count(feed.malformed_count), feed.malformed_count > 0], ["refused", count(feed.refused_count), feed.refused_count > 0],
    ["dropped", count(feed.dropped_count), feed.dropped_count > 0], ["reconnects", count(feed.reconnect_count), false],
  ];
  return html`<article class=${`party-card feed ${state}`} data-testid="feed" data-feed=${name} data-state=${state} aria-label=${name}>
    <h3><bdi class="id">${name}</bdi> <span class=${`tag feed-tag ${state}`}><${Icon} name=${SIGNS[state] ?? "unknown"} /> ${t(`feed.state.${state}`)}</span></h3>
    <dl class="cells">
      <div><dt>${t("feed.age")}</dt><dd data-testid="feed-age">${age}</dd></div>
      <div><dt>${t("feed.rate")}</dt><dd>${rate === null ? t("parties.not_known") : numberText(rate, language, 1)}</dd></div>
      <div><dt>${t("feed.reports")}</dt><dd>${count(feed.report_count)}</dd></div>
      ${counts.map(([key, value, isBad]) => html`<div key=${key}><dt>${t(`feed.${key}`)}</dt><dd class=${isBad ? "bad" : ""}>${value}</dd></div>`)}
    </dl>
    ${problem !== null && html`<p class="problem"><span class="dim">${t("feed.problem")}</span> <bdi dir="auto">${problem}</bdi></p>`}
    <p class="hint"><bdi>${format}</bdi> <bdi dir="ltr">${address}</bdi></p></article>`;
}
