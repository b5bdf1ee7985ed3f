/**
 * Heights over time: of the selection and what it meets, else of what is in view on the map.
 *
 * It shows what the map cannot: that two outlines which cross are apart in height or in time.
 */

import { html, useActions, useEffect, useLayoutEffect, useMemo, useRef, useSelected, useState, useTexts } from "../preact.js";
import { itemOf, missingIn } from "../drafts.js";
import { isZone, keyOf, lowerOf, spanOf, upperOf } from "../items.js";
import { fromMetres, toMetres } from "../quantities.js";
import { shownMs } from "../state.js";
import { numberText } from "../texts.js";
import { clockText, msOf } from "../times.js";
import { useLooks } from "./party_mark.js";

/** @typedef {import("../types.js").Item} Item */
/** @typedef {import("../types.js").Finding} Finding */
/** @typedef {import("./timeline.js").Axis} Axis */

const HEIGHT = 170;
/** Room for the labels; the slider under the chart leaves the same room, see style.css. */
const LEFT = 64;
const RIGHT = 16;
const TOP = 10;
const BOTTOM = 20;
const BARS_MAX = 600;
/** With more items than this the bars have no outline and no names. */
const FEW = 8;
/** Which items of the view are nearest in time is looked at anew when the shown time moved by so much. */
const NEAREST_STEP_MS = 30 * 60_000;
const REST_MS = 300;
const NAME_ROOM = 130;
const TIME_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720].map((minutes) => minutes * 60_000);

/** @param {{axis: Axis}} props */
export function AltitudeChart({ axis }) {
  const t = useTexts();
  const actions = useActions();
  const box = /** @type {{current: HTMLElement | null}} */ (useRef(null));
  const [width, setWidth] = useState(800);
  useLayoutEffect(() => {
    if (box.current === null) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(300, Math.round(entry?.contentRect.width ?? 800))));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const { items, findings, title } = useContent();
  const preview = useSelected((state) => state.preview);
  const scaled = useMemo(() => (preview === null ? items : [...items, preview]), [items, preview]);
  const scale = useScale(scaled, axis, width);
  const content = useMemo(() => html`<${Bars} items=${items} scale=${scale} /><${Meetings} findings=${findings} scale=${scale} />`,
    [items, findings, scale]);
  /** @param {MouseEvent} event */
  function choose(event) {
    const left = /** @type {SVGElement} */ (event.currentTarget).getBoundingClientRect().left;
    const ms = axis.fromMs + ((event.clientX - left - LEFT) / (width - LEFT - RIGHT)) * (axis.toMs - axis.fromMs);
    if (ms >= axis.fromMs && ms <= axis.toMs) actions.chooseTime(ms);
  }
  return html`<figure class="chart" dir="ltr" ref=${box} data-testid="altitude-chart">
    <figcaption dir="auto">${title}</figcaption>
    <svg width=${width} height=${HEIGHT} role="img" aria-label=${`${t("chart.label")}: ${title}`} onClick=${choose}>
      <defs><pattern id="chart-hatch" width="6" height="6" patternUnits="userSpaceOnUse">
        <path d="M-1 1 1 -1M0 6 6 0M5 7 7 5" class="chart-hatch" /></pattern></defs>
      <${Axes} axis=${axis} scale=${scale} width=${width} />
      ${content}
      <${PreviewBars} scale=${scale} />
      <${TimeLines} scale=${scale} />
    </svg></figure>`;
}

/** Return which items the chart shows, what meets among them, and how it says so. */
function useContent() {
  const t = useTexts();
  const records = useSelected((state) => state.records);
  const selection = useSelected((state) => state.selection);
  const answer = useSelected((state) => state.conflicts.answer);
  const draft = useSelected((state) => state.draft);
  const outcome = useSelected((state) => state.outcome);
  const idsInView = useSelected((state) => state.idsInView);
  const party = useSelected((state) => state.session?.party ?? "");
  const aroundMs = useRested(useSelected((state) => Math.round(shownMs(state) / NEAREST_STEP_MS) * NEAREST_STEP_MS));
  return useMemo(() => {
    const known = (answer?.findings ?? []).map((finding, k) => ({ finding, number: k + 1 }));
    const drafted = draft !== null && missingIn(draft).length === 0 ? itemOf(draft, party) : null;
    const find = (/** @type {string} */ id) => (drafted?.id === id ? drafted : records.get(id)?.item);
    const all = (/** @type {Iterable<string>} */ ids) =>
      [...new Set(ids)].map(find).filter((item) => item !== undefined && item.state !== "Ended").map((item) => /** @type {Item} */ (item));
    /** @type {(meetings: {finding: Finding, number: number}[], ids: string[]) => {items: Item[], findings: {finding: Finding, number: number}[]}} */
    const together = (meetings, ids) => ({
      items: all([...ids, ...meetings.flatMap(({ finding: { a, b } }) => [a.id, b.id])]),
      findings: meetings,
    });
    if (drafted !== null) {
      const meetings = outcome.findings.map((finding, k) => ({ finding, number: known.length + k + 1 }));
      return { ...together(meetings, [drafted.id]), title: t("chart.of_draft", { id: drafted.id }) };
    }
    if (selection.findingKey !== null) {
      const meetings = known.filter(({ finding }) => keyOf(finding) === selection.findingKey);
      const content = together(meetings, []);
      return { ...content, title: t("chart.of_items", { ids: content.items.map(({ id }) => id).join(", ") }) };
    }
    if (selection.itemId !== null) {
      const { itemId } = selection;
      const meetings = known.filter(({ finding: { a, b } }) => a.id === itemId || b.id === itemId);
      return { ...together(meetings, [itemId]), title: t("chart.of_item", { id: itemId }) };
    }
    const inView = all(idsInView);
    const items = nearest(inView, aroundMs);
    const shownIds = new Set(items.map(({ id }) => id));
    const findings = known.filter(({ finding: { a, b } }) => shownIds.has(a.id) && shownIds.has(b.id));
    return { items, findings, title: t("chart.of_view", { count: items.length, all: inView.length }) };
  }, [records, selection, answer, draft, outcome, idsInView, aroundMs, party, t]);
}

/**
 * Return a value once it has not changed for a moment: while the slider is dragged the chart stands.
 *
 * @param {number} value
 */
function useRested(value) {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}

/**
 * Return the items nearest in time, as many as can be drawn; whole ones only, so that none seems shorter.
 *
 * @param {Item[]} items
 * @param {number} aroundMs
 */
function nearest(items, aroundMs) {
  const away = (/** @type {Item} */ item) => {
    const { startMs, endMs } = spanOf(item);
    return Math.max(startMs - aroundMs, aroundMs - endMs, 0);
  };
  let left = BARS_MAX;
  return [...items].sort((one, two) => away(one) - away(two)).filter(({ volumes }) => {
    left -= volumes.length;
    return left >= 0;
  });
}

/**
 * @typedef {object} Scale
 * @property {(ms: number) => number} x
 * @property {(metres: number | null, bound: "lower" | "upper") => number} y
 * @property {number[]} ticks_m
 * @property {number} right
 */

/**
 * @param {Item[]} items
 * @param {Axis} axis
 * @param {number} width
 * @returns {Scale}
 */
function useScale(items, axis, width) {
  const unit = useSelected((state) => state.preferences.unit);
  return useMemo(() => {
    const bounds = items.flatMap(({ volumes }) => volumes.flatMap((volume) => [lowerOf(volume), upperOf(volume)]))
      .filter((bound) => bound !== null).map((bound) => fromMetres(/** @type {number} */ (bound), unit));
    const low = bounds.length === 0 ? 0 : Math.min(...bounds);
    const high = bounds.length === 0 ? 1000 : Math.max(...bounds);
    const room = Math.max(high - low, 10) * 0.08;
    const [bottom, top] = [low - room, high + room];
    const step = niceStep((top - bottom) / 5);
    const first = Math.ceil(bottom / step);
    const right = width - RIGHT;
    const y = (/** @type {number} */ value) => TOP + ((top - value) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
    const count = Math.floor(top / step) - first;
    return {
      x: (ms) => LEFT + ((ms - axis.fromMs) / (axis.toMs - axis.fromMs)) * (right - LEFT),
      y: (metres, bound) => (metres === null ? y(bound === "lower" ? bottom : top) : y(fromMetres(metres, unit))),
      ticks_m: Array.from({ length: count + 1 }, (_, k) => toMetres((first + k) * step, unit)),
      right,
    };
  }, [items, axis, width, unit]);
}

/** @param {number} wanted */
function niceStep(wanted) {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return ([1, 2, 5, 10].find((factor) => factor * power >= wanted) ?? 10) * power;
}

/** @param {{axis: Axis, scale: Scale, width: number}} props */
function Axes({ axis, scale, width }) {
  const { unit, language } = useSelected((state) => state.preferences);
  const t = useTexts();
  const most = Math.max(2, Math.floor((width - LEFT - RIGHT) / 64));
  const step = TIME_STEPS_MS.find((each) => (axis.toMs - axis.fromMs) / each <= most) ?? 24 * 3_600_000;
  const times = [];
  for (let ms = Math.ceil(axis.fromMs / step) * step; ms <= axis.toMs; ms += step) times.push(ms);
  return html`<g class="chart-axes">
    ${scale.ticks_m.map((metres, k) => html`<g key=${`h${k}`}><line x1=${LEFT} x2=${scale.right} y1=${scale.y(metres, "lower")} y2=${scale.y(metres, "lower")} />
      <text class="end" x=${LEFT - 6} y=${scale.y(metres, "lower") + 4}>${t(`unit.${unit}`, { value: numberText(fromMetres(metres, unit), language) })}</text></g>`)}
    ${times.map((ms) => html`<g key=${ms}><line x1=${scale.x(ms)} x2=${scale.x(ms)} y1=${TOP} y2=${HEIGHT - BOTTOM} />
      <text class="middle" x=${scale.x(ms)} y=${HEIGHT - 5}>${clockText(ms)}</text></g>`)}
  </g>`;
}

/** @param {{items: Item[], scale: Scale}} props */
function Bars({ items, scale }) {
  const lookOf = useLooks();
  const isFew = items.length <= FEW;
  // zones are wide: under the operations
  return [...items].sort((one, two) => Number(isZone(two)) - Number(isZone(one))).map((item) => {
    const { volumes } = item;
    const look = lookOf(item.party);
    const [first] = volumes;
    return html`<g key=${item.id} class=${`chart-item ${isFew ? "" : "of-many"} party-${look.colour} ${isZone(item) ? `zone ${item.rule}` : "operation"}`}>
      <title>${item.id}</title>
      ${volumes.map((volume, k) => html`<rect key=${k} ...${barOf(volume, scale)} />`)}
      ${isFew && first !== undefined && html`<${BarName} text=${`${look.letter} ${item.id}`} bar=${barOf(first, scale)} right=${scale.right} />`}
    </g>`;
  });
}

/**
 * The name over a bar; near the right edge it ends with the bar, so that it is not cut off.
 *
 * @param {{text: string, bar: {x: number, y: number, width: number}, right: number}} props
 */
function BarName({ text, bar, right }) {
  const isAtEdge = bar.x > right - NAME_ROOM;
  return html`<text class=${isAtEdge ? "end" : ""} x=${isAtEdge ? bar.x + bar.width : bar.x + 3} y=${Math.max(TOP + 9, bar.y - 3)}>${text}</text>`;
}

/**
 * @param {import("../types.js").Volume} volume
 * @param {Scale} scale
 */
function barOf(volume, scale) {
  const x = Math.max(LEFT, Math.min(scale.right, scale.x(msOf(volume.time_start.value))));
  const end = Math.max(LEFT, Math.min(scale.right, scale.x(msOf(volume.time_end.value))));
  const y = scale.y(upperOf(volume), "upper");
  return { x, y, width: end > x ? Math.max(1, end - x) : 0, height: Math.max(1, scale.y(lowerOf(volume), "lower") - y) };
}

/** @param {{findings: {finding: Finding, number: number}[], scale: Scale}} props */
function Meetings({ findings, scale }) {
  return findings.map(({ finding, number }) => {
    const x = scale.x(msOf(finding.witness.time));
    const y = scale.y(finding.witness.altitude_m, "lower");
    if (x < LEFT || x > scale.right) return null;
    return html`<g key=${keyOf(finding)} class=${`chart-finding ${finding.verdict}`} transform=${`translate(${x} ${y})`}>
      ${finding.verdict === "conflict" ? html`<circle r="8" />` : html`<path d="M0 -10 10 0 0 10 -10 0Z" />`}
      <text y="4">${number}</text></g>`;
  });
}

/** @param {{scale: Scale}} props */
function PreviewBars({ scale }) {
  const preview = useSelected((state) => state.preview);
  if (preview === null) return null;
  return html`<g class="chart-preview">${preview.volumes.map((volume, k) => html`<rect key=${k} ...${barOf(volume, scale)} />`)}</g>`;
}

/** @param {{scale: Scale}} props */
function TimeLines({ scale }) {
  const nowX = useSelected((state) => Math.round(scale.x(state.nowMs)));
  const shownX = useSelected((state) => Math.round(scale.x(shownMs(state))));
  const line = (/** @type {string} */ name, /** @type {number} */ x) => x >= LEFT && x <= scale.right
    && html`<line class=${name} x1=${x} x2=${x} y1=${TOP - 6} y2=${HEIGHT - BOTTOM} />`;
  return html`${line("now-line", nowX)}${line("shown-line", shownX)}`;
}
