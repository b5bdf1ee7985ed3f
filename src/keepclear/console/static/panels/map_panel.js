/** The map's place in the page, its buttons, and its legend. The map itself is drawn by map/map.js. */

import { html, useActions, useEffect, useRef, useSelected, useTexts } from "../preact.js";
import { clockText } from "../times.js";
import { leftToRight } from "../texts.js";
import { PartyName } from "./party_mark.js";
import { momentOf } from "../watch.js";
import { later } from "./later.js";

const TrackDetail = later(() => import("./track_detail.js").then((part) => part.TrackDetail));

/** @typedef {import("../map/map.js").MapView} MapView */

/** @param {{map: MapView}} props */
export function MapPanel({ map }) {
  const t = useTexts();
  const element = /** @type {{current: HTMLElement | null}} */ (useRef(null));
  const link = useSelected((state) => state.link);
  const chosenMs = useSelected((state) => state.chosenMs);
  const showsTracks = useSelected((state) => state.preferences.showsTracks && momentOf(state.watch) === null);
  const trackId = useSelected((state) => state.selection.trackId);
  useEffect(() => {
    map.setTarget(element.current ?? undefined);
    return () => map.setTarget(undefined);
  }, [map]);
  return html`<section class=${`map-panel ${link}`} aria-label=${t("map.label")}>
    <div class="map" id="map" data-testid="map" dir="ltr" tabindex="0" role="application" aria-label=${t("map.help")}
      aria-describedby="map-note" ref=${element}></div>
    ${(link === "cut" || link === "stale") && html`<div class="map-veil" aria-hidden="true"></div>`}
    <p id="map-note" class="map-note">${chosenMs === null ? "" : t("map.other_time", { time: leftToRight(clockText(chosenMs)) })}
      ${chosenMs !== null && showsTracks && ` ${t("map.tracks_now")}`}</p>
    <${Tools} map=${map} />
    <${TrackDetail} isWanted=${trackId !== null} tracks=${map.tracks} />
    <${Legend} />
  </section>`;
}

/** @param {{map: MapView}} props */
function Tools({ map }) {
  const t = useTexts();
  const actions = useActions();
  const { showsOtherTimes, showsTracks } = useSelected((state) => state.preferences);
  return html`<div class="map-tools" role="group" aria-label=${t("map.tools")}>
    <button type="button" aria-label=${t("map.zoom_in")} title=${t("map.zoom_in")} onClick=${() => map.zoomBy(1)}>+</button>
    <button type="button" aria-label=${t("map.zoom_out")} title=${t("map.zoom_out")} onClick=${() => map.zoomBy(-1)}>−</button>
    <button type="button" onClick=${() => map.showAll()}>${t("map.all")}</button>
    <label class="check"><input type="checkbox" checked=${showsOtherTimes}
      onChange=${(/** @type {any} */ event) => actions.prefer({ showsOtherTimes: event.target.checked })} />${t("map.other_times")}</label>
    <label class="check"><input type="checkbox" checked=${showsTracks}
      onChange=${(/** @type {any} */ event) => actions.prefer({ showsTracks: event.target.checked })} />${t("map.tracks")}</label>
  </div>`;
}

function Legend() {
  const t = useTexts();
  const parties = useSelected((state) => state.parties);
  const own = useSelected((state) => state.session?.party);
  return html`<details class="legend" open><summary>${t("legend.title")}</summary>
    <ul>
      ${parties.map((party) => html`<li key=${party}><${PartyName} party=${party} />
        ${party === own && html` <span class="tag own">${t("legend.you")}</span>`}</li>`)}
      <li><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true"><rect class="swatch-operation" x="1" y="1" width="24" height="14" /></svg>
        ${t("kind.operational_intent")}</li>
      <li><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true"><path class="swatch-hatch" d="M1 9 9 1M1 15 15 1M9 15 23 1M17 15 25 7" />
        <rect class="swatch-zone" x="1" y="1" width="24" height="14" /></svg> ${t("kind.keep_out")}</li>
      <li><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true"><g class="swatch-dots"><circle cx="6" cy="5" r="1.2" /><circle cx="13" cy="5" r="1.2" />
        <circle cx="20" cy="5" r="1.2" /><circle cx="9" cy="11" r="1.2" /><circle cx="16" cy="11" r="1.2" /></g>
        <rect class="swatch-zone dashed" x="1" y="1" width="24" height="14" /></svg> ${t("kind.notify_first")}</li>
      <li><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true"><circle class="swatch-conflict" cx="13" cy="8" r="6.5" /></svg> ${t("verdict.conflict")}</li>
      <li><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true"><path class="swatch-notice" d="M13 .5 20.5 8 13 15.5 5.5 8Z" /></svg>
        ${t("verdict.notice_required")}</li>
    </ul>
    <details class="legend-more"><summary>${t("map.tracks")}</summary><ul>
      <li><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true"><circle class="error" cx="13" cy="8" r="7.3" /><path class="hollow" d="M13 3.5 16 11.5 13 9.7 10 11.5Z" /></svg> ${t("legend.lost")}</li>
      ${/** @type {const} */ ([["?", "standing.undeclared"], ["!", "track.suspect"]]).map(([sign, key]) => html`<li key=${sign}><svg class="swatch" viewBox="0 0 26 16" aria-hidden="true">
        <rect class="badge" x="8" y="2" width="10" height="12" /><text x="13" y="11.7">${sign}</text></svg> ${t(key)}</li>`)}
    </ul></details></details>`;
}
