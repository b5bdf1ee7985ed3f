/** Exercises: started, ended and reported like everything else, and never mixed up with what is meant. */

import { html, useActions, useQuantities, useSaid, useSelected, useState, useTexts } from "../preact.js";
import { newMessage, typeOf } from "../hotline.js";
import { leftToRight } from "../texts.js";
import { Icon } from "./icons.js";
import { PartyName } from "./party_mark.js";
import { Instant, No } from "./receipts.js";

/** @typedef {import("../hotline_types.js").Drill} Drill */
/** @typedef {import("../hotline_types.js").DrillReport} DrillReport */

/** The drills that are known by name; any other name is good as well. */
const KNOWN = ["joint-drill", "all-messages"];

export function Drills() {
  const t = useTexts();
  const drills = useSelected((state) => state.hotline.drills);
  const report = useSelected((state) => state.hotline.report);
  const own = useSelected((state) => state.session?.node.party ?? "");
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  return html`<details class="drills" data-testid="drills"><summary>${t("drills.title")}</summary>
    ${isUnlocked && html`<${StartDrill} />`}
    ${drills !== null && drills.length === 0 && html`<p class="hint">${t("drills.none")}</p>`}
    ${(drills ?? []).filter(({ between }) => between.includes(own)).map((drill) => html`<${OneDrill} key=${drill.name + drill.between.join(" ")} drill=${drill} own=${own} report=${report} />`)}
  </details>`;
}

function StartDrill() {
  const t = useTexts();
  const actions = useActions();
  const channels = useSelected((state) => state.hotline.channels) ?? [];
  const [name, setName] = useState("");
  const [chosen, setParty] = useState("");
  const party = chosen || (channels[0]?.party ?? "");
  const drill = name.trim();
  return html`<div class="fields">
    <label class="field"><span class="field-name">${t("compose.to")}</span><select data-testid="drill-with" value=${party} onChange=${(/** @type {any} */ event) => setParty(event.target.value)}>
      ${channels.map((each) => html`<option key=${each.party} value=${each.party}>${each.party}</option>`)}</select></label>
    <label class="field"><span class="field-name">${t("drills.name")}</span><input type="text" dir="auto" maxlength="64" list="known-drills" data-testid="drill-name" value=${name} onInput=${(/** @type {any} */ event) => setName(event.target.value)} />
      <datalist id="known-drills">${KNOWN.map((each) => html`<option key=${each} value=${each} />`)}</datalist></label>
    <button type="button" data-testid="drill-start" disabled=${drill === "" || party === ""}
      onClick=${() => actions.send(newMessage({ to: party, code: "drill_start", fields: { drill }, drill }))}>${t("drills.start")}</button></div>`;
}

/** @param {{drill: Drill, own: string, report: DrillReport | null}} props */
function OneDrill({ drill: { name, between, started_at, over }, own, report }) {
  const t = useTexts();
  const actions = useActions();
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const other = between.find((party) => party !== own) ?? "";
  const isReported = report !== null && report.name === name && report.between.includes(other);
  return html`<article class="party-card exercise" data-testid="drill" data-name=${name}>
    <h3><bdi>${name}</bdi> <span class="tag"><${Icon} name=${over ? "over" : "exercise"} /> ${t(over ? "drills.over" : "drills.runs")}</span></h3>
    <p><${PartyName} party=${other} /> <${Instant} at=${started_at} /></p>
    <p class="row"><button type="button" data-testid="drill-report" onClick=${() => actions.askReport(name, other)}>${t("drills.report")}</button>
      ${!over && html`<button type="button" data-testid="drill-compose" onClick=${() => actions.compose({ to: other, drill: name })}>${t("compose.begin")}</button>`}
      ${isReported && !over && isUnlocked && html`<button type="button" data-testid="drill-end"
        onClick=${() => actions.send(newMessage({ to: other, code: "drill_end", fields: { drill: name, report: report.symbols }, drill: name }))}>${t("drills.end")}</button>`}</p>
    ${isReported && html`<${Report} report=${report} />`}</article>`;
}

/** @param {{report: DrillReport}} props */
function Report({ report: { exchanges, more, missing, endings, symbols } }) {
  const t = useTexts();
  const said = useSaid();
  const quantities = useQuantities();
  const catalogue = useSelected((state) => state.hotline.catalogue);
  const after = (/** @type {number | null} */ seconds) => (seconds === null ? html`<${No} />` : quantities.duration(Math.max(0, Math.round(seconds))));
  return html`<div data-testid="drill-told"><p>${t("drills.symbols")} <code dir="ltr">${symbols}</code></p>
    ${exchanges.length > 0 && html`<table class="receipts-table"><thead><tr><th scope="col">${t("compose.code")}</th><th scope="col">${t("receipts.sign.seen")}</th><th scope="col">${t("receipts.sign.answered")}</th></tr></thead>
      <tbody>${exchanges.map(({ message, seen_after_s, answered_after_s, missing: isMissing }) => html`<tr key=${message.number}>
        <th scope="row">${said(message.titles)} <bdi class="dim" dir="ltr">${message.number}</bdi></th><td>${after(seen_after_s)}</td>
        <td>${answered_after_s === null && !isMissing ? "–" : after(answered_after_s)}</td></tr>`)}</tbody></table>`}
    ${more > 0 && html`<p class="hint">${t("list.more", { count: more })}</p>`}
    ${missing.length > 0 && html`<p class="bad">${t("drills.missing")} ${missing.map(({ code }) => said(typeOf(catalogue, code)?.titles) || code).join(", ")}</p>`}
    ${endings.map(({ ref, at, symbols: theirs, same }) => html`<p key=${ref.party + ref.n}><${PartyName} party=${ref.party} /> <${Instant} at=${at} /> <code dir="ltr">${leftToRight(theirs)}</code>
      <span class=${same === false ? "bad" : ""}>${t(same === null ? "drills.not_compared" : same ? "drills.same" : "drills.differs")}</span></p>`)}</div>`;
}
