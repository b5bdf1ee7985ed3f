/** The panel beside the map: conflicts, items, or what is being declared, one at a time. */

import { html, useActions, useEffect, useRef, useSelected, useTexts } from "../preact.js";
import { Conflicts } from "./conflicts.js";
import { Declare } from "./declare.js";
import { Items } from "./items.js";
import { troubles } from "../coordination.js";
import { waitingFor } from "../hotline.js";
import { Icon } from "./icons.js";
import { later } from "./later.js";
import { areAlertsCurrent, callingOf } from "../watch.js";

/** @typedef {import("../types.js").State["panel"]} PanelName */

const PANELS = /** @type {const} */ (["conflicts", "watch", "items", "declare", "hotline", "parties"]);

const HotlinePanel = later(() => import("./hotline.js").then((part) => part.HotlinePanel));
const WatchPanel = later(() => import("./watch.js").then((part) => part.WatchPanel));
const PartiesPanel = later(() => import("./parties.js").then((part) => part.PartiesPanel));

export function SidePanel() {
  const t = useTexts();
  const actions = useActions();
  const panel = useSelected((state) => state.panel);
  const hasLog = useSelected(({ coordination }) => coordination.status === "known" || coordination.status === "failed");
  const panels = hasLog ? PANELS : PANELS.slice(0, -2);
  const body = /** @type {{current: HTMLElement | null}} */ (useRef(null));
  const itemId = useSelected((state) => state.selection.itemId);
  useEffect(() => body.current?.scrollTo(0, 0), [panel, itemId]); // what was chosen stands at the top

  /** @param {KeyboardEvent} event */
  function move(event) {
    const isForward = (event.key === "ArrowRight") === (document.documentElement.dir === "ltr");
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    const next = panels[(panels.indexOf(panel) + (isForward ? 1 : panels.length - 1)) % panels.length];
    if (next === undefined) return;
    event.preventDefault();
    actions.openPanel(next);
    document.getElementById(`tab-${next}`)?.focus();
  }

  return html`<section class="side" id="panel" tabindex="-1" aria-label=${t("panel.label")}>
    <div class="tabs" role="tablist" aria-label=${t("panel.label")} onKeyDown=${move}>
      ${panels.map((name) => html`<${Tab} key=${name} name=${name} isChosen=${name === panel} />`)}
    </div>
    <div class="panel" role="tabpanel" id="tabpanel" ref=${body} aria-labelledby=${`tab-${panel}`}>
      ${panel === "conflicts" && html`<${Conflicts} />`}
      ${panel === "watch" && html`<${WatchPanel} />`}
      ${panel === "items" && html`<${Items} />`}
      ${panel === "declare" && html`<${Declare} />`}
      ${panel === "hotline" && html`<${HotlinePanel} />`}
      ${panel === "parties" && html`<${PartiesPanel} />`}
    </div>
  </section>`;
}

/** @param {{name: PanelName, isChosen: boolean}} props */
function Tab({ name, isChosen }) {
  const t = useTexts();
  const actions = useActions();
  const count = useSelected((state) => {
    if (name === "conflicts") {
      // A number that may be old is not shown: 0 would be read as clear.
      if (state.conflicts.answer === null) return null;
      return state.conflicts.status === "known" && state.link === "live" ? state.conflicts.answer.total : "?";
    }
    if (name === "watch") {
      if (state.watch.alerts === null) return null;
      return areAlertsCurrent(state, performance.now()) ? state.watch.alerts.alerts.length || null : "?";
    }
    if (name === "hotline") {
      const { open, status, isOpenWhole } = state.hotline;
      if (open === null || status !== "known" || state.link !== "live") return "?";
      const { length } = waitingFor(open, state.session?.node.party ?? "");
      return isOpenWhole ? length || null : `${length}+`;
    }
    return name === "items" ? state.records.size : null;
  });
  const isTroubled = useSelected(({ coordination }) => {
    const { unheard, frozen } = troubles(coordination.parties);
    return name === "parties" && unheard.length + frozen.length > 0;
  });
  const isCalling = useSelected(({ watch }) => name === "watch" && callingOf(watch.alerts?.alerts ?? []).length > 0);
  const choose = () => (name === "declare" ? actions.beginDraft() : actions.openPanel(name));
  return html`<button type="button" role="tab" id=${`tab-${name}`} data-testid=${`tab-${name}`}
      aria-selected=${isChosen} aria-controls="tabpanel" tabindex=${isChosen ? 0 : -1} onClick=${choose}>
    ${t(`panel.${name}`)}${count !== null && html` <span class="count">${count}</span>`}
    ${isCalling && html` <span class="trouble"><${Icon} name="alarm" /><span class="visually-hidden">${t("watch.calling")}</span></span>`}
    ${isTroubled && html` <span class="trouble"><${Icon} name="alarm" /><span class="visually-hidden">${t("parties.trouble")}</span></span>`}
  </button>`;
}
