/**
 * The list of conflicts and notices required.
 *
 * An empty list alone would look like "clear": above it always stands what was checked and when, or
 * why that is not known.
 */

import { html, useActions, useMemo, useSelected, useTexts } from "../preact.js";
import { keyOf } from "../items.js";
import { clockText, msOf } from "../times.js";
import { leftToRight } from "../texts.js";
import { FindingCard } from "./finding.js";
import { WaitingProposals } from "./negotiations.js";
import { rove } from "./roving.js";

/** @typedef {import("../types.js").Answer} Answer */

const SHOWN_MAX = 200;

export function Conflicts() {
  const t = useTexts();
  const actions = useActions();
  const { answer } = useSelected((state) => state.conflicts);
  const own = useSelected((state) => state.session?.party ?? "");
  const isOwnOnly = useSelected((state) => state.showsOwnFindingsOnly);
  const selected = useSelected((state) => state.selection.findingKey);
  const numbered = useMemo(() => (answer?.findings ?? []).map((finding, k) => ({ finding, number: k + 1 })), [answer]);
  const wanted = numbered.filter(({ finding }) => !isOwnOnly || finding.a.party === own || finding.b.party === own);
  const shown = wanted.slice(0, SHOWN_MAX);
  const applied = useSelected(({ resolution }) => (resolution?.status === "applied" ? resolution.id : null));
  const hasSelected = shown.some(({ finding }) => keyOf(finding) === selected);
  return html`
    <h2>${t("conflicts.title")}</h2>
    <${Verdict} />
    <${WaitingProposals} />
    ${applied !== null && html`<p class="good" data-testid="change-applied">${t("changes.applied_detail", { id: applied })}</p>`}
    ${numbered.length > 0 && html`<label class="check">
      <input type="checkbox" checked=${isOwnOnly}
        onChange=${(/** @type {any} */ event) => actions.showOwnFindingsOnly(event.target.checked)} />
      ${t("conflicts.own_only")} <span class="dim">(${wanted.length} / ${numbered.length})</span></label>`}
    ${shown.length > 0 && html`<ol class="findings" data-testid="conflict-list" data-roving onKeyDown=${rove}>
      ${shown.map(({ finding, number }, k) => html`<${FindingCard} key=${keyOf(finding)} finding=${finding}
        number=${number} isSelected=${keyOf(finding) === selected} isReachable=${hasSelected ? undefined : k === 0} />`)}
    </ol>`}
    ${answer !== null && answer.next !== null && html`<button type="button" class="wide"
        onClick=${actions.loadMoreConflicts}>${t("list.more", { count: answer.total - numbered.length })}</button>`}`;
}

/** Tells what the list means: what was checked and when, and whether that is still so. */
function Verdict() {
  const t = useTexts();
  const actions = useActions();
  const { status, answer, error } = useSelected((state) => state.conflicts);
  const isLive = useSelected((state) => state.link === "live");
  const isCurrent = status === "known" && isLive;
  if (answer === null) {
    return status === "failed"
      ? html`<div class="verdict unknown" data-testid="verdict" data-state="refused"><strong>${t("verdict.refused")}</strong>
          <p><bdi>${error}</bdi></p>
          <button type="button" onClick=${actions.loadAll}>${t("action.retry")}</button></div>`
      : html`<div class="verdict waiting" data-testid="verdict" data-state="loading">${t("verdict.loading")}</div>`;
  }
  const { operations, zones, now, reason } = answer.checked;
  const time = leftToRight(clockText(msOf(now), { seconds: true }));
  const state = isCurrent ? answer.answer : "stale";
  return html`<div class=${`verdict ${state}`} data-testid="verdict" data-state=${state}>
    <strong>${isCurrent ? headline(t, answer) : t("verdict.stale")}</strong>
    ${operations + zones === 0 && html`<p>${t("verdict.empty")}</p>`}
    ${isCurrent && answer.answer === "cannot_decide" && html`<p>${t("verdict.not_clear")} <bdi>${reason}</bdi></p>`}
    ${!isCurrent && html`<p>${t("verdict.stale_detail")} <bdi>${error}</bdi></p>`}
    <p class="dim">${t("verdict.checked", { operations, zones, time })}</p>
  </div>`;
}

/**
 * @param {import("../texts.js").Translate} t
 * @param {Answer} answer
 */
function headline(t, { answer, findings, total, next }) {
  if (answer === "clear") return t("verdict.clear");
  if (answer === "cannot_decide") return t("verdict.cannot_decide");
  const conflicts = findings.filter(({ verdict }) => verdict === "conflict").length;
  if (next !== null) return t("verdict.many", { count: total });
  return `${t("verdict.conflicts", { count: conflicts })} · ${t("verdict.notices", { count: total - conflicts })}`;
}
