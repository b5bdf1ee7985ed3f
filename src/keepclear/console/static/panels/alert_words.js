/** An alert in words: how urgent, whose aircraft, what and when. Urgency has a shape, a word and a colour. */

import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { leftToRight } from "../texts.js";
import { clockText, msOf } from "../times.js";
import { aircraftOf, isOver, secondsLeft } from "../watch.js";
import { Icon } from "./icons.js";
import { PartyMark } from "./party_mark.js";

/** @typedef {import("../watch_types.js").Alert} Alert */

/** The sign of each urgency: an octagon, a triangle, a circle. */
const SIGNS = /** @type {const} */ ({ warning: "alarm", caution: "conflicting", advisory: "coordinated" });
/** What has words of its own; anything else is told in those of the node. */
const KINDS = ["zone_entry", "excursion", "contingent", "undeclared", "not_seen", "early", "late", "wrong_kind", "wrong_identity", "spoofing", "lost"];

/** @param {{urgency: import("../watch_types.js").Urgency}} props */
export function UrgencyWord({ urgency }) {
  const t = useTexts();
  return html`<span class=${`urgency ${urgency}`}><${Icon} name=${SIGNS[urgency]} /> ${t(`urgency.${urgency}`)}</span>`;
}

/** The aircraft by callsign and id, and the item. @param {{alert: Alert}} props */
export function AlertNames({ alert }) {
  const t = useTexts();
  const aircraft = aircraftOf(alert);
  return html`<span class="sides">${aircraft.map((id, k) => html`${k > 0 && html`<span class="dim">${t("alert.and")}</span>`}<${AircraftName} key=${id} id=${id} />`)}
    ${alert.item !== null && html`<span class="side-name"><span class="dim">${t(aircraft.length === 0 ? "alert.operation" : "alert.item")}</span> <bdi class="id">${alert.item}</bdi></span>`}</span>`;
}

/** @param {{id: string}} props */
export function AircraftName({ id }) {
  const t = useTexts();
  const actions = useActions();
  useSelected((state) => state.watch.alerts); // what is known of the track may be another
  const track = actions.trackOf(id);
  const own = useSelected((state) => state.session?.node.party ?? "");
  const name = track?.callsign || id;
  return html`<span class="side-name"><${PartyMark} party=${track?.party} /> <bdi class="id">${name}</bdi>
    ${name !== id && html` <bdi class="dim">${id}</bdi>`}
    ${track?.party === own && html` <span class="tag own">${t("item.yours")}</span>`}</span>`;
}

/**
 * What is so, or will be, and when; it counts down.
 *
 * @param {{alert: Alert, told: string, nowMs: number}} props  `told`: when the alert was told
 */
export function AlertWhat({ alert, told, nowMs }) {
  const t = useTexts();
  const quantities = useQuantities();
  const { kind, is_present, present_since, cause } = alert;
  const since = present_since === null ? null : leftToRight(clockText(msOf(present_since), { seconds: true }));
  const left = quantities.duration(secondsLeft(alert.t_in_s, told, nowMs));
  if (isOver(alert)) return html`<span>${t(`alert.kind.${KINDS.includes(kind) ? kind : "encounter"}`)}</span>`;
  if (kind === "encounter") {
    return is_present
      ? html`<strong class="loss-now">${since === null ? t("alert.loss_now") : t("alert.loss_since", { since })}</strong>`
      : html`<span>${t("alert.loss_in", { by: left })}</span>`;
  }
  if (!KINDS.includes(kind)) return html`<bdi dir="auto">${cause}</bdi>`;
  const when = is_present ? since === null ? "" : t("alert.since", { since }) : t("alert.in", { by: left });
  return html`<span>${t(`alert.kind.${kind}`)} ${when !== "" && html`<span class="dim">${when}</span>`}</span>`;
}

/** That nothing is heard any more of an aircraft: that is not the end of it. @param {{alert: Alert}} props */
export function NoData({ alert: { state, unseen_since, changed } }) {
  const t = useTexts();
  if (state !== "unseen") return null;
  const at = unseen_since ?? changed;
  return html`<span class="tag bad no-data" data-testid="no-data">${t("alert.no_data", { since: leftToRight(clockText(msOf(at), { seconds: true })) })}</span>`;
}

/** How close an encounter comes. @param {{alert: Alert}} props */
export function Closest({ alert: { facts: { d_cpa_m: d, dz_cpa_m: dz } } }) {
  const t = useTexts();
  const quantities = useQuantities();
  if (d === undefined) return null;
  return html`<span>${t("alert.closest", { distance: quantities.length(d), height: dz === undefined ? t("watch.height_unknown") : t("watch.vertical", { height: quantities.height(Math.abs(dz)) }) })}</span>`;
}
