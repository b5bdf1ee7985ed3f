/** The shapes of a draft as tables: every drawing can be typed, corner by corner, without a pointer. */

import { html, useActions, useSelected, useState, useTexts } from "../preact.js";
import { withEveryShape, withShape } from "../drafts.js";
import { fromMetres, toMetres } from "../quantities.js";
import { NumberField, TimeField } from "./fields.js";

/** @typedef {import("../types.js").Draft} Draft */
/** @typedef {import("../types.js").DraftShape} DraftShape */

const SHOWN_STEP = 20;
const DEGREE_DIGITS = 6;

/** @param {{draft: Draft}} props */
export function Shapes({ draft }) {
  const t = useTexts();
  const actions = useActions();
  const [shownMax, setShownMax] = useState(SHOWN_STEP);
  const { shapes, chosen } = draft;
  const shape = shapes[chosen];
  if (shapes.length === 0) return null;
  return html`
    ${shapes.length > 1 && html`<fieldset><legend>${t("declare.shapes", { count: shapes.length })}</legend>
      <div class="shape-choices">${shapes.slice(0, shownMax).map((each, k) => html`<button type="button" key=${k}
        aria-pressed=${k === chosen} onClick=${() => actions.setDraft({ ...draft, chosen: k })}>
        ${k + 1} ${t(`shape.${each.type}`)}</button>`)}
        ${shapes.length > shownMax && html`<button type="button" class="quiet"
          onClick=${() => setShownMax(shownMax + SHOWN_STEP)}>${t("list.more", { count: shapes.length - shownMax })}</button>`}
      </div></fieldset>
      <${MoveAll} draft=${draft} />`}
    ${shape !== undefined && html`<${ShapeFields} key=${chosen} draft=${draft} shape=${shape} />`}`;
}

/**
 * Moves every shape at once, so that an operation of many legs need not be amended leg by leg.
 *
 * @param {{draft: Draft}} props
 */
function MoveAll({ draft }) {
  const t = useTexts();
  const actions = useActions();
  const unit = useSelected((state) => state.preferences.unit);
  const [minutes, setMinutes] = useState(0);
  const [height, setHeight] = useState(0);
  function move() {
    const later_ms = minutes * 60_000;
    const higher_m = toMetres(height, unit);
    actions.setDraft(withEveryShape(draft, ({ startMs, endMs, lower_m, upper_m }) => ({
      startMs: startMs === null ? null : startMs + later_ms,
      endMs: endMs === null ? null : endMs + later_ms,
      lower_m: lower_m === null ? null : lower_m + higher_m,
      upper_m: upper_m === null ? null : upper_m + higher_m,
    })));
  }
  return html`<fieldset><legend>${t("declare.move_all")}</legend><div class="fields">
    <${NumberField} label=${t("declare.minutes_later")} value=${minutes} onValue=${setMinutes} digits=${3} testId="move-minutes" />
    <${NumberField} label=${t(`declare.higher_${unit}`)} value=${height} onValue=${setHeight} digits=${1} testId="move-height" />
    <button type="button" data-testid="move-all" onClick=${move}>${t("declare.move")}</button></div></fieldset>`;
}

/** @param {{draft: Draft, shape: DraftShape}} props */
function ShapeFields({ draft, shape }) {
  const t = useTexts();
  const actions = useActions();
  const unit = useSelected((state) => state.preferences.unit);
  /** @param {Partial<DraftShape>} change */
  const change = (change) => actions.setDraft(withShape(draft, draft.chosen, change));
  const metres = (/** @type {number | null} */ value) => (value === null ? null : toMetres(value, unit));
  const shown = (/** @type {number | null} */ value_m) => (value_m === null ? null : fromMetres(value_m, unit));
  return html`
    <${Coordinates} draft=${draft} shape=${shape} />
    <fieldset><legend>${t("declare.extent")}</legend><div class="fields">
      ${shape.type !== "polygon" && html`<${NumberField} label=${t(`declare.size.${shape.type}`)} value=${shape.size_m}
        testId="shape-size" digits=${1} onValue=${(/** @type {number} */ size_m) => change({ size_m })} />`}
      <${NumberField} label=${t(`declare.lower_${unit}`)} value=${shown(shape.lower_m)} testId="altitude-lower"
        isOptional digits=${1} onValue=${(/** @type {number | null} */ value) => change({ lower_m: metres(value) })} />
      <${NumberField} label=${t(`declare.upper_${unit}`)} value=${shown(shape.upper_m)} testId="altitude-upper"
        isOptional digits=${1} onValue=${(/** @type {number | null} */ value) => change({ upper_m: metres(value) })} />
      <${TimeField} label=${t("declare.start")} value=${shape.startMs} testId="time-start"
        onValue=${(/** @type {number} */ startMs) => change({ startMs })} />
      <${TimeField} label=${t("declare.end")} value=${shape.endMs} testId="time-end"
        onValue=${(/** @type {number} */ endMs) => change({ endMs })} />
    </div>
    <p class="hint">${t("declare.datum")}</p></fieldset>`;
}

/** @param {{draft: Draft, shape: DraftShape}} props */
function Coordinates({ draft, shape }) {
  const t = useTexts();
  const actions = useActions();
  const { points } = shape;
  const isSingle = shape.type === "circle";
  /** @param {DraftShape["points"]} points */
  const put = (points) => actions.setDraft(withShape(draft, draft.chosen, { points }));
  const remove = () => actions.setDraft({ ...draft, shapes: draft.shapes.filter((_, k) => k !== draft.chosen), chosen: 0 });
  return html`<fieldset><legend>${t("declare.coordinates", { shape: t(`shape.${shape.type}`) })}</legend>
    ${points.length > 0 && html`<table class="coordinates" data-testid="coordinates-table">
      <caption class="visually-hidden">${t("declare.coordinates", { shape: t(`shape.${shape.type}`) })}</caption>
      <thead><tr><th scope="col">${t("declare.point")}</th><th scope="col">${t("declare.lat")}</th>
        <th scope="col">${t("declare.lng")}</th><td></td></tr></thead>
      <tbody>${points.map((point, k) => html`<${PointRow} key=${k} number=${k + 1} point=${point}
        onPoint=${(/** @type {any} */ next) => put(points.map((each, m) => (m === k ? next : each)))}
        onRemove=${() => put(points.filter((_, m) => m !== k))} />`)}</tbody>
    </table>`}
    ${!(isSingle && points.length > 0) && html`<${NewPoint} key=${points.length} number=${points.length + 1}
      onPoint=${(/** @type {any} */ point) => put([...points, point])} />`}
    <div class="row"><button type="button" class="quiet" data-testid="remove-shape" onClick=${remove}>${t("declare.remove_shape")}</button>
      <button type="button" class="quiet" data-testid="show-draft" onClick=${actions.showDraft}>${t("declare.show")}</button></div>
  </fieldset>`;
}

/**
 * @param {{number: number, point: import("../types.js").LatLng, onPoint: (point: import("../types.js").LatLng) => void,
 *   onRemove: () => void}} props
 */
function PointRow({ number, point, onPoint, onRemove }) {
  const t = useTexts();
  return html`<tr><th scope="row">${number}</th>
    <td><${NumberField} label=${t("declare.lat_of", { number })} isLabelHidden value=${point.lat} digits=${DEGREE_DIGITS}
      testId="point-lat" onValue=${(/** @type {number} */ lat) => onPoint({ ...point, lat })} /></td>
    <td><${NumberField} label=${t("declare.lng_of", { number })} isLabelHidden value=${point.lng} digits=${DEGREE_DIGITS}
      testId="point-lng" onValue=${(/** @type {number} */ lng) => onPoint({ ...point, lng })} /></td>
    <td><button type="button" class="quiet" aria-label=${t("declare.remove_point", { number })} onClick=${onRemove}>×</button></td></tr>`;
}

/**
 * Takes a point once both of its numbers are there.
 *
 * @param {{number: number, onPoint: (point: import("../types.js").LatLng) => void}} props
 */
function NewPoint({ number, onPoint }) {
  const t = useTexts();
  const [lat, setLat] = useState(/** @type {number | null} */ (null));
  const [lng, setLng] = useState(/** @type {number | null} */ (null));
  const isReady = lat !== null && lng !== null && Math.abs(lat) <= 90 && Math.abs(lng) <= 180;
  function add() {
    if (lat === null || lng === null || !isReady) return;
    onPoint({ lat, lng });
    // These fields make room for those of the next point, which the keyboard goes on in.
    requestAnimationFrame(() => {
      const next = document.querySelector(".new-point input");
      if (next instanceof HTMLElement) next.focus();
    });
  }
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key !== "Enter") return;
    event.preventDefault(); // Enter would send the whole form
    add();
  }
  return html`<div class="fields new-point" onKeyDown=${onKey}>
    <${NumberField} label=${t("declare.lat_of", { number })} value=${lat} onValue=${setLat} digits=${DEGREE_DIGITS} testId="new-lat" />
    <${NumberField} label=${t("declare.lng_of", { number })} value=${lng} onValue=${setLng} digits=${DEGREE_DIGITS} testId="new-lng" />
    <button type="button" data-testid="add-point" disabled=${!isReady} onClick=${add}>${t("declare.add_point")}</button>
  </div>`;
}
