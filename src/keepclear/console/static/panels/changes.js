/** The smallest changes that clear an item: what each means, its preview, and one click to apply it. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { bandOf, spanOf } from "../items.js";
import { leftToRight, numberText } from "../texts.js";
import { instantText } from "../times.js";

/** @typedef {import("../types.js").Change} Change */
/** @typedef {import("../types.js").ResolutionState} ResolutionState */

/** @param {{resolution: ResolutionState}} props */
export function Changes({ resolution }) {
  const t = useTexts();
  const quantities = useQuantities();
  const { status, result, error } = resolution;
  if (status === "loading") return html`<p role="status">${t("changes.loading")}</p>`;
  if (status === "applied") return null; // the list of conflicts tells it
  if (result === null) return html`<p class="problem" role="alert">${t("changes.failed", { reason: error })}</p>`;
  const limits = {
    time: quantities.duration(result.limits.time_s),
    altitude: quantities.height(result.limits.altitude_m),
    lateral: quantities.length(result.limits.lateral_m),
  };
  return html`
    ${status === "failed" && html`<p class="problem" role="alert">${t("changes.refused", { reason: error })}</p>`}
    ${result.clear && html`<p class="good">${t("changes.already_clear")}</p>`}
    ${result.changes.length > 0 && html`<ul class="changes">
      ${result.changes.map((change) => html`<${ChangeOption} key=${change.change} change=${change}
        isBusy=${status === "applying"} />`)}
    </ul>`}
    ${result.none_within.map((kind) =>
      html`<p key=${kind} class="hint">${t(`changes.none.${kind}`, limits)}</p>`)}
    ${result.undecided.map(({ change, reason }) =>
      html`<p key=${change} class="hint">${t(`changes.kind.${change}`)}: ${t("changes.undecided")} <bdi>${reason}</bdi></p>`)}`;
}

/** @param {{change: Change, isBusy: boolean}} props */
function ChangeOption({ change, isBusy }) {
  const t = useTexts();
  const quantities = useQuantities();
  const actions = useActions();
  const nowMs = useSelected((state) => Math.floor(state.nowMs / 86_400_000) * 86_400_000);
  const language = useSelected((state) => state.preferences.language);
  const show = () => actions.preview(change.item);
  const hide = () => actions.preview(null);
  const { startMs, endMs } = spanOf(change.item);
  const band = bandOf(change.item);
  const window = leftToRight(`${instantText(startMs, nowMs)} – ${instantText(endMs, nowMs)}`);
  return html`<li class="change" data-testid="change-option" data-change=${change.change}
      onMouseEnter=${show} onMouseLeave=${hide} onFocusIn=${show} onFocusOut=${hide}>
    <div class="change-words">
      <strong>${headlineOf(change, { t, quantities, language })}</strong>
      <dl class="cells">
        <div><dt>${t("change.window")}</dt><dd>${window}</dd></div>
        <div><dt>${t("change.band")}</dt><dd>${quantities.band(band.lower_m, band.upper_m)}</dd></div>
      </dl>
      <p class="hint">${t(change.is_smallest ? "change.smallest" : "change.not_proven")}
        ${change.forced_by.length > 0 && html` ${t("change.forced_by")} ${change.forced_by.map(({ id }, k) => html`<bdi class="id" key=${id}>${k > 0 ? ", " : ""}${id}</bdi>`)}`}</p>
    </div>
    <button type="button" class="primary" data-testid="apply-change" disabled=${isBusy}
      onClick=${() => actions.applyChange(change)}>${t("changes.apply")}</button>
  </li>`;
}

/**
 * Write what a change does, every part of it.
 *
 * @param {Pick<Change, "time_shift_s" | "altitude_shift_m" | "lateral_m" | "bearing_deg">} change
 * @param {{t: import("../texts.js").Translate, quantities: import("../quantities.js").Quantities, language: string}} words
 */
export function headlineOf({ time_shift_s, altitude_shift_m, lateral_m, bearing_deg }, { t, quantities, language }) {
  const parts = [];
  if (time_shift_s !== 0) {
    const by = quantities.duration(Math.abs(time_shift_s));
    parts.push(t(time_shift_s > 0 ? "change.later" : "change.earlier", { by }));
  }
  if (altitude_shift_m !== 0) {
    const by = quantities.height(Math.abs(altitude_shift_m));
    parts.push(t(altitude_shift_m > 0 ? "change.higher" : "change.lower", { by }));
  }
  if (lateral_m !== 0) {
    const bearing = `${numberText(bearing_deg ?? 0, language)}°`;
    parts.push(t("change.aside", { by: quantities.length(lateral_m), bearing }));
  }
  return parts.join(t("list.and"));
}
