/** Tells across the page whose log is frozen, and of whom nothing is heard: what it declared since is not known. */

import { troubles } from "../coordination.js";
import { html, useActions, useQuantities, useSelected, useTexts } from "../preact.js";
import { leftToRight } from "../texts.js";
import { instantText, msOf } from "../times.js";
import { Icon } from "./icons.js";

/** @typedef {import("../types.js").Party} Party */

/** So many parties that are not heard have a line of their own. */
const UNHEARD_MAX = 3;

export function PartyBanners() {
  const t = useTexts();
  const parties = useSelected((state) => state.coordination.parties);
  const isLive = useSelected((state) => state.link === "live"); // else nothing of this is current, and that is told
  const { unheard, frozen } = troubles(parties);
  return html`
    ${frozen.map((party) => html`<${Frozen} key=${party.id} party=${party} />`)}
    ${isLive && unheard.slice(0, UNHEARD_MAX).map((party) => html`<${Unheard} key=${party.id} party=${party} />`)}
    ${isLive && unheard.length > UNHEARD_MAX && html`<div class="banner stale">
      <strong>${t("banner.more_unheard", { count: unheard.length - UNHEARD_MAX })}</strong></div>`}`;
}

/** @param {{party: Party}} props */
function Frozen({ party: { id, log } }) {
  const t = useTexts();
  return html`<div class="banner cut" data-testid="frozen-banner" data-party=${id}>
    <strong role="alert"><${Icon} name="alarm" /> ${t("banner.frozen", { party: id })}</strong>
    <span><bdi>${log?.frozen}</bdi></span> <${ShowParties} />
  </div>`;
}

/** @param {{party: Party}} props */
function Unheard({ party: { id, link } }) {
  const t = useTexts();
  const quantities = useQuantities();
  const nowMs = useSelected((state) => state.nowMs);
  if (link === null) return null;
  const heardMs = link.last_heard === null ? null : msOf(link.last_heard);
  const since = heardMs === null ? "" : leftToRight(instantText(heardMs, Math.floor(nowMs / 86_400_000) * 86_400_000));
  const key = link.switched_off ? "banner.switched_off" : heardMs === null ? "banner.never_heard" : "banner.unheard";
  return html`<div class="banner stale" data-testid="link-banner" data-party=${id} data-state=${link.switched_off ? "off" : link.state}>
    <strong role="alert"><${Icon} name=${link.state === "late" && !link.switched_off ? "late" : "cut"} /> ${t(key, { party: id, since })}</strong>
    ${heardMs !== null && html`<span>${t("banner.heard_ago", { age: quantities.duration(Math.max(0, Math.round((nowMs - heardMs) / 1000))) })}</span>`}
    <${ShowParties} />
  </div>`;
}

function ShowParties() {
  const t = useTexts();
  const actions = useActions();
  const isShown = useSelected((state) => state.panel === "parties");
  return !isShown && html`<button type="button" onClick=${actions.openParties}>${t("guide.show")}</button>`;
}
