/**
 * The time: the chart of heights, and under it on the same axis the slider. The axis runs from left to
 * right in every language, as the map lies with west on the left in every language.
 */

import { html, useActions, useMemo, useSelected, useTexts, useQuantities } from "../preact.js";
import { isZone, spanOf } from "../items.js";
import { shownMs } from "../state.js";
import { clockText, dayText } from "../times.js";
import { leftToRight } from "../texts.js";
import { AltitudeChart } from "./altitude_chart.js";
import { TimeField } from "./fields.js";

/** @typedef {{fromMs: number, toMs: number}} Axis */

const HOUR_MS = 3_600_000;
const ROUND_MS = 300_000;
const BEFORE_MAX_MS = 12 * HOUR_MS;
const AFTER_MAX_MS = 36 * HOUR_MS;
/** @type {Record<string, number>} */
const SPANS = { "1h": HOUR_MS, "3h": 3 * HOUR_MS, "6h": 6 * HOUR_MS, "12h": 12 * HOUR_MS, "24h": 24 * HOUR_MS };

export function Timeline() {
  const t = useTexts();
  const axis = useAxis();
  return html`<section class="timeline" id="time" tabindex="-1" aria-label=${t("time.label")}>
    <${AltitudeChart} axis=${axis} />
    <${Slider} axis=${axis} />
    <${TimeControls} />
  </section>`;
}

/**
 * Return the part of time that is shown: all that is held, or a window that turns over like a page
 * as the shown time leaves it, so that it does not slide away under the pointer.
 *
 * @returns {Axis}
 */
function useAxis() {
  const records = useSelected((state) => state.records);
  const span = useSelected((state) => state.span);
  const length = SPANS[span] ?? 0;
  const page = useSelected((state) => (length === 0 ? Math.floor(state.nowMs / ROUND_MS) : Math.floor(shownMs(state) / (length / 2))));
  return useMemo(() => {
    if (length > 0) return { fromMs: (page - 0.5) * (length / 2), toMs: (page + 1.5) * (length / 2) };
    const nowMs = page * ROUND_MS;
    let [fromMs, toMs] = [nowMs - ROUND_MS, nowMs + HOUR_MS];
    for (const { item } of records.values()) {
      if (item.state === "Ended" || isZone(item)) continue; // zones may stand for weeks
      fromMs = Math.min(fromMs, spanOf(item).startMs);
      toMs = Math.max(toMs, spanOf(item).endMs);
    }
    return {
      fromMs: Math.floor(Math.max(fromMs, nowMs - BEFORE_MAX_MS) / ROUND_MS) * ROUND_MS,
      toMs: Math.ceil(Math.min(toMs, nowMs + AFTER_MAX_MS) / ROUND_MS) * ROUND_MS,
    };
  }, [records, length, page]);
}

/** @param {{axis: Axis}} props */
function Slider({ axis }) {
  const t = useTexts();
  const actions = useActions();
  const atMs = useSelected(shownMs);
  return html`<div class="slider" dir="ltr">
    <input type="range" data-testid="time-slider" aria-label=${t("time.slider")} min=${axis.fromMs} max=${axis.toMs} step="1000"
      value=${Math.min(axis.toMs, Math.max(axis.fromMs, atMs))} aria-valuetext=${`${dayText(atMs)} ${clockText(atMs)}`}
      onInput=${(/** @type {any} */ event) => actions.chooseTime(Number(event.target.value))} />
  </div>`;
}

function TimeControls() {
  const t = useTexts();
  const quantities = useQuantities();
  const actions = useActions();
  const atMs = useSelected(shownMs);
  const nowMs = useSelected((state) => state.nowMs);
  const isFollowing = useSelected((state) => state.chosenMs === null);
  const span = useSelected((state) => state.span);
  const difference_s = Math.round((atMs - nowMs) / 1000);
  const by = quantities.duration(Math.abs(difference_s));
  return html`<div class="time-controls">
    <button type="button" class=${isFollowing ? "primary" : ""} data-testid="now-button" aria-pressed=${isFollowing}
      onClick=${() => actions.chooseTime(isFollowing ? atMs : null)}>${t("time.now")}</button>
    <button type="button" title=${t("time.earlier")} onClick=${() => actions.stepTime(-1)}>${leftToRight("−1")} ${t("unit.min_short")}</button>
    <button type="button" title=${t("time.later")} onClick=${() => actions.stepTime(1)}>${leftToRight("+1")} ${t("unit.min_short")}</button>
    <output class="shown-time" data-testid="shown-time">${leftToRight(`${dayText(atMs) === dayText(nowMs) ? "" : `${dayText(atMs)} `}${clockText(atMs, { seconds: true })}`)}
      <span class="dim">${isFollowing ? t("time.following")
        : t(difference_s < 0 ? "time.before_now" : "time.after_now", { by })}</span></output>
    <${TimeField} label=${t("time.go_to")} value=${isFollowing ? null : atMs} isOptional isLabelHidden placeholder=${t("time.go_to")} testId="time-field"
      onValue=${(/** @type {number | null} */ ms) => actions.chooseTime(ms)} />
    <label class="choice"><span class="visually-hidden">${t("time.span")}</span>
      <select value=${span} data-testid="span-select" onChange=${(/** @type {any} */ event) => actions.setSpan(event.target.value)}>
        <option value="all">${t("time.all_span")}</option>
        ${Object.keys(SPANS).map((name) => html`<option key=${name} value=${name}>${t("unit.h", { value: name.slice(0, -1) })}</option>`)}
      </select></label>
  </div>`;
}
