/** One alert: who, what and when, by which rule, who read it, what happened to it, and what to say about it. */

import { html, useActions, useEffect, useQuantities, useRef, useSelected, useTexts } from "../preact.js";
import { preparedFor } from "../prepared.js";
import { mayChange } from "../state.js";
import { outsideText } from "../quantities.js";
import { leftToRight, numberText } from "../texts.js";
import { clockText, msOf } from "../times.js";
import { isOver, outsideOf, secondsLeft } from "../watch.js";
import { Acknowledge } from "./alert_banners.js";
import { AlertNames, AlertWhat, NoData, UrgencyWord } from "./alert_words.js";

/** @typedef {import("../watch_types.js").Alert} Alert */

/** Levels of rules that have words; others are names that parties gave. */
const LEVELS = ["advisory", "caution", "warning", "preventive", "corrective", "alert", "violation", "clearance_needed", "no_entry_without_contact"];
const CHANGES = ["opened", "escalated", "eased", "cleared", "acknowledged", "climbed", "present", "passed", "unseen", "seen", "ended_unseen", "crowded_out"];
const STEPS_MAX = 30;

/** @param {{alert: Alert, told: string, nowMs: number, isSelected: boolean, isReachable?: boolean, isPast: boolean}} props */
export function AlertCard({ alert, told, nowMs, isSelected, isReachable, isPast }) {
  const t = useTexts();
  const actions = useActions();
  const button = /** @type {{current: HTMLButtonElement | null}} */ (useRef(null));
  useEffect(() => {
    if (isSelected) button.current?.scrollIntoView({ block: "nearest" });
  }, [isSelected]);
  const { id, urgency, state, is_acknowledged: isRead } = alert;
  const isPassed = isOver(alert);
  return html`<li class=${`finding alert ${isPassed ? "over" : urgency} ${isSelected ? "selected" : ""} ${isRead ? "read" : ""}`} data-testid="alert" data-id=${id} data-state=${state} data-urgency=${urgency}>
    <button type="button" class="finding-head alert-head" ref=${button} data-entry aria-expanded=${isSelected} data-testid="alert-item"
      tabindex=${isSelected || isReachable ? 0 : -1} onClick=${() => actions.selectAlert(id)}>
      <span class="alert-words"><${UrgencyWord} urgency=${isPassed ? alert.peak_urgency : urgency} /> <${AlertWhat} alert=${alert} told=${told} nowMs=${nowMs} /></span>
      <${AlertNames} alert=${alert} />
    </button>
    <div class="alert-body">
      <p class="row"><${NoData} alert=${alert} />
        ${state === "fading" && html`<span class="tag">${t("alert.fading")}</span>`}
        ${isPassed ? html`<span class=${`tag ${state === "cleared" ? "" : "bad"}`} data-testid="ended-how">${t(`alert.${state}`, { at: at(alert.ended ?? alert.changed) })}</span>`
          : html`<span class="tag" data-testid="read">${t(isRead ? "alert.read" : "alert.unread")}</span>`}
        ${alert.climbed > 0 && !isRead && html`<span class="tag bad">${t("alert.climbed", { count: alert.climbed })}</span>`}
        ${!isPast && html`<${Acknowledge} alert=${alert} />`}</p>
      <${Cells} alert=${alert} told=${told} nowMs=${nowMs} isWhole=${isSelected} />
      ${isSelected && html`<p class="hint" data-testid="cause"><bdi dir="auto">${alert.cause}</bdi></p>
        ${!isPast && !isPassed && html`<${Messages} alert=${alert} />`}<${History} alert=${alert} />`}
    </div></li>`;
}

/** @param {{alert: Alert, told: string, nowMs: number, isWhole: boolean}} props */
function Cells({ alert, told, nowMs, isWhole }) {
  const t = useTexts();
  const quantities = useQuantities();
  const { facts, rule, level } = alert;
  const outside = outsideText(outsideOf(alert), t, quantities);
  /** @type {[string, string, string][]} */
  const cells = [];
  if (facts.d_cpa_m !== undefined) cells.push(["d", t("alert.cell.distance"), quantities.length(facts.d_cpa_m)]);
  if (facts.d_cpa_m !== undefined) cells.push(["dz", t("alert.cell.vertical"), facts.dz_cpa_m === undefined ? t("watch.height_unknown") : quantities.height(Math.abs(facts.dz_cpa_m))]);
  if (facts.d_cpa_m === undefined && outside !== "") cells.push(["outside", t("alert.cell.outside"), outside]);
  if (facts.t_cpa_s !== undefined && !isOver(alert)) cells.push(["t", t("alert.cell.closest_in"), quantities.duration(secondsLeft(facts.t_cpa_s, told, nowMs))]);
  if (rule !== null) cells.push(["rule", t("alert.cell.rule"), rule]);
  if (level !== null) cells.push(["level", t("alert.cell.level"), LEVELS.includes(level) ? t(`level.${level}`) : level]);
  if (isWhole) {
    cells.push(["opened", t("alert.cell.opened"), at(alert.opened)]);
    if (alert.present_s > 0) cells.push(["present", t("alert.cell.present"), quantities.duration(Math.round(alert.present_s))]);
    if (alert.item_version !== null) cells.push(["version", t("item.version"), String(alert.item_version)]);
    cells.push(["id", t("item.id"), leftToRight(alert.id)]);
  }
  return html`<dl class="cells">${cells.map(([key, name, value]) => html`<div key=${key}><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

/** Messages to the party concerned, the fittest first; each opens the form with what is known. @param {{alert: Alert}} props */
function Messages({ alert }) {
  const t = useTexts();
  const actions = useActions();
  const own = useSelected((state) => state.session?.node.party ?? "");
  const status = useSelected((state) => state.hotline.status);
  const channels = useSelected((state) => state.hotline.channels);
  const canChange = useSelected(mayChange);
  if (status !== "known" || !canChange) return null;
  const parties = (channels ?? []).map(({ party }) => party);
  const messages = preparedFor(alert, own, actions.trackOf, parties);
  if (messages.length === 0) return null;
  return html`<div class="row" role="group" aria-label=${t("alert.message")}><span class="dim">${t("alert.message")}</span>
    ${messages.map(({ prepared, items }, k) => html`<button type="button" key=${prepared.code} class=${k === 0 ? "" : "quiet"} data-testid="prepare" data-code=${prepared.code}
      onClick=${() => actions.prepareMessage(prepared, items)}>${t(`alert.message.${prepared.code}`)}${prepared.to !== "" && html` <bdi class="dim">${prepared.to}</bdi>`}</button>`)}</div>`;
}

/** @param {{alert: Alert}} props */
function History({ alert: { history } }) {
  const t = useTexts();
  const language = useSelected((state) => state.preferences.language);
  return html`<details><summary data-testid="history">${t("alert.history", { count: history.length })}</summary>
    <ol class="history">${history.slice(-STEPS_MAX).map((step, k) => html`<li key=${k}><time dir="ltr" datetime=${step.at}>${clockText(msOf(step.at), { seconds: true })}</time>
      <span>${CHANGES.includes(step.change) ? t(`change_of.${step.change}`) : step.change} · ${t(`urgency.${step.urgency}`)}
        ${step.by && html` <bdi>${step.by}</bdi>`} ${step.cause !== "" && html`<bdi class="dim" dir="auto">${step.cause}</bdi>`}</span></li>`)}</ol>
    ${history.length > STEPS_MAX && html`<p class="hint">${t("alert.older", { count: numberText(history.length - STEPS_MAX, language) })}</p>`}</details>`;
}

/** @param {string} rfc3339 */
function at(rfc3339) {
  return leftToRight(clockText(msOf(rfc3339), { seconds: true }));
}
