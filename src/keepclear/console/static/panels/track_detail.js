/** What is known of the chosen track, by whom and how well, and how it stands to what is declared. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { leftToRight, numberText } from "../texts.js";
import { momentOf, shownStatus } from "../watch.js";
import { PartyName } from "./party_mark.js";

/** @typedef {import("../watch_types.js").WatchTrack} WatchTrack */

const KNOTS_PER_MPS = 3600 / 1852;
const FEET_PER_MINUTE_PER_MPS = 60 / 0.3048;
const ROUND_FT = 25;

/** @param {{tracks: import("../tracks.js").Tracks}} props */
export function TrackDetail({ tracks }) {
  const t = useTexts();
  const actions = useActions();
  const id = useSelected((state) => state.selection.trackId);
  const detail = useSelected((state) => state.watch.detail);
  const isPast = useSelected((state) => momentOf(state.watch) !== null);
  useSelected((state) => state.nowMs); // the age counts up with it
  if (id === null) return null;
  const report = tracks.shown.get(id)?.report;
  if (report === undefined) return html`<article class="track-detail"><p>${t("track.gone", { id })}</p></article>`;
  const sinceMs = tracks.sinceMs(performance.now());
  const twins = detail?.track.id === id ? detail.twins : null;
  const points = detail?.track.id === id ? detail.trail.length : null;
  return html`<article class="track-detail" data-testid="track-detail" aria-label=${id}>
    <h3><span><bdi class="id">${report.callsign || id}</bdi> ${report.callsign && html`<bdi class="dim">${id}</bdi>`}</span>
      <button type="button" class="quiet" onClick=${actions.clearSelection}>${t("action.close")}</button></h3>
    <${Troubles} report=${report} sinceMs=${sinceMs} />
    <${Standing} report=${report} />
    <${Cells} report=${report} sinceMs=${sinceMs} />
    <dl class="stacked">
      <div><dt>${t("track.sources")}</dt><dd>${(report.sources ?? []).map((source, k) => html`${k > 0 && ", "}<bdi key=${source}>${source}</bdi>`)}${(report.sources ?? []).length === 0 && "–"}</dd></div>
      ${twins !== null && twins.length > 0 && html`<div><dt>${t("track.twins")}</dt><dd>${twins.map((twin, k) => html`${k > 0 && ", "}<bdi key=${twin}>${twin}</bdi>`)}</dd></div>`}
      ${points !== null && points > 1 && !isPast && html`<div><dt>${t("track.trail")}</dt><dd>${t("track.trail_points", { count: points })}</dd></div>`}
    </dl></article>`;
}

/** How old it is, and what makes it doubtful, in words. @param {{report: WatchTrack, sinceMs: number}} props */
function Troubles({ report, sinceMs }) {
  const t = useTexts();
  const status = shownStatus(report.status, sinceMs);
  return html`<p class="row">${status !== undefined && html`<span class=${`tag status ${status}`} data-testid="track-status" data-status=${status}>${t(`status.${status}`)}</span>`}
    ${report.on_ground && html`<span class="tag">${t("standing.on_ground")}</span>`}
    ${report.is_frozen && html`<span class="tag bad">${t("track.frozen")}</span>`}
    ${report.suspicion && html`<span class="problem"><strong>${t("track.suspect")}</strong> <bdi dir="auto">${report.suspicion}</bdi></span>`}</p>`;
}

/** @param {{report: WatchTrack}} props */
function Standing({ report: { standing, operation } }) {
  const t = useTexts();
  const actions = useActions();
  const isHeld = useSelected((state) => operation !== null && operation !== undefined && state.records.has(operation));
  if (standing === undefined && !operation) return null;
  return html`<p data-testid="track-standing" data-standing=${standing ?? "not_judged"}>${t(`standing.${standing ?? "not_judged"}`)}
    ${operation && (isHeld ? html` <button type="button" class="quiet" onClick=${() => actions.selectItem(operation)}><bdi class="id">${operation}</bdi></button>` : html` <bdi class="id">${operation}</bdi>`)}</p>`;
}

/** @param {{report: WatchTrack, sinceMs: number}} props */
function Cells({ report, sinceMs }) {
  const t = useTexts();
  const quantities = useQuantities();
  const { language, unit } = useSelected((state) => state.preferences);
  const { altitude_m, pressure_altitude_ft: pressure_ft, ground_speed_mps: speed, vertical_rate_mps: rate, track_deg, squawk, age_s, error_m } = report;
  const isFeet = unit === "ft";
  const speedText = typeof speed !== "number" ? "–" : isFeet
    ? t("unit.kt", { value: numberText(speed * KNOTS_PER_MPS, language) }) : t("unit.mps", { value: numberText(speed, language) });
  const rateText = typeof rate !== "number" ? "–" : isFeet
    ? t("unit.ft_min", { value: leftToRight(signed(Math.round((rate * FEET_PER_MINUTE_PER_MPS) / ROUND_FT) * ROUND_FT, 0)) })
    : t("unit.mps", { value: leftToRight(signed(rate, 1)) });
  const extra_s = sinceMs > 2000 ? sinceMs / 1000 : 0;
  /** @type {[string, string][]} */
  const cells = [
    [t("track.height_ellipsoid"), typeof altitude_m === "number" ? quantities.height(altitude_m) : "–"],
    [t("track.height_pressure"), typeof pressure_ft === "number" ? t("unit.ft", { value: leftToRight(numberText(pressure_ft, language)) }) : "–"],
    [t("track.rate"), rateText],
    [t("track.speed"), speedText],
    [t("track.direction"), typeof track_deg === "number" ? `${numberText(track_deg, language)}°` : "–"],
    [t("track.age"), typeof age_s === "number" ? quantities.duration(Math.max(0, Math.round(age_s + extra_s))) : "–"],
    [t("track.error"), typeof error_m === "number" ? `± ${quantities.length(error_m)}` : "–"],
    [t("track.squawk"), squawk ? leftToRight(squawk) : "–"],
    [t("item.kind"), t(`track.${report.kind ?? "unknown"}`)],
  ];
  return html`<dl class="cells"><div><dt>${t("item.party")}</dt><dd><${PartyName} party=${report.party} /></dd></div>
    ${cells.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

  /**
   * @param {number} value
   * @param {number} digits
   */
  function signed(value, digits) {
    return `${value > 0 ? "+" : ""}${numberText(value, language, digits)}`;
  }
}
