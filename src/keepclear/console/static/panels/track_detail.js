/** What is known of the chosen track, and how old that is. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { numberText } from "../texts.js";
import { PartyName } from "./party_mark.js";

const KNOTS_PER_MPS = 3600 / 1852;

/** @param {{tracks: import("../tracks.js").Tracks}} props */
export function TrackDetail({ tracks }) {
  const t = useTexts();
  const quantities = useQuantities();
  const actions = useActions();
  const id = useSelected((state) => state.selection.trackId);
  const nowMs = useSelected((state) => state.nowMs); // the age counts up with it
  const { language, unit } = useSelected((state) => state.preferences);
  if (id === null) return null;
  const track = tracks.held.get(id);
  if (track === undefined) return html`<article class="track-detail"><p>${t("track.gone", { id })}</p></article>`;
  const { report, atMs } = track;
  const { altitude_m, ground_speed_mps: speed, track_deg } = report;
  const speedText = speed === undefined ? "–" : unit === "ft"
    ? t("unit.kt", { value: numberText(speed * KNOTS_PER_MPS, language) })
    : t("unit.mps", { value: numberText(speed, language) });
  return html`<article class="track-detail" data-testid="track-detail" aria-label=${id}>
    <h3><bdi class="id">${id}</bdi> <button type="button" class="quiet" onClick=${actions.clearSelection}>${t("action.close")}</button></h3>
    <dl class="cells">
      <div><dt>${t("item.party")}</dt><dd><${PartyName} party=${report.party} /></dd></div>
      <div><dt>${t("item.kind")}</dt><dd>${t(`track.${report.kind ?? "unknown"}`)}</dd></div>
      <div><dt>${t("track.height")}</dt><dd>${altitude_m === undefined ? "–" : quantities.height(altitude_m)}</dd></div>
      <div><dt>${t("track.speed")}</dt><dd>${speedText}</dd></div>
      <div><dt>${t("track.direction")}</dt><dd>${track_deg === undefined ? "–" : `${numberText(track_deg, language)}°`}</dd></div>
      <div><dt>${t("track.age")}</dt><dd>${quantities.duration(Math.max(0, Math.round((nowMs - atMs) / 1000)))}</dd></div>
    </dl></article>`;
}
