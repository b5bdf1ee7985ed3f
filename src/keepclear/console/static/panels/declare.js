/** Declaring and amending: shapes by pointer or by typing, heights, times, and what the node says before. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { itemOf, missingIn } from "../drafts.js";
import { keyOf } from "../items.js";
import { mayChange } from "../state.js";
import { Changes } from "./changes.js";
import { FindingCells, FindingSides } from "./finding.js";
import { NumberField } from "./fields.js";
import { Shapes } from "./shapes.js";
import { Upload } from "./upload.js";

/** @typedef {import("../types.js").Draft} Draft */

export function Declare() {
  const t = useTexts();
  const actions = useActions();
  const draft = useSelected((state) => state.draft);
  const canChange = useSelected(mayChange);
  if (!canChange) return html`<h2>${t("panel.declare")}</h2><p class="hint">${t("item.viewer")}</p>`;
  return html`
    <h2>${draft !== null && draft.version !== null ? t("declare.amend_title", { id: draft.id }) : t("declare.title")}</h2>
    ${draft === null
      ? html`<p><button type="button" class="primary" data-testid="declare-button" onClick=${actions.beginDraft}>
          ${t("declare.begin")}</button></p>`
      : html`<${DraftForm} draft=${draft} />`}
    <${Upload} />`;
}

/** @param {{draft: Draft}} props */
function DraftForm({ draft }) {
  const t = useTexts();
  const actions = useActions();
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    actions.submitDraft();
  }
  return html`<form class="draft" onSubmit=${submit} aria-label=${t("declare.form")}>
    <${DrawButtons} />
    <${Shapes} draft=${draft} />
    <${Properties} draft=${draft} />
    <${Outcome} draft=${draft} />
  </form>`;
}

function DrawButtons() {
  const t = useTexts();
  const actions = useActions();
  const drawing = useSelected((state) => state.drawing);
  return html`<fieldset><legend>${t("declare.draw")}</legend>
    <div class="row">${/** @type {const} */ (["polygon", "circle", "corridor"]).map((type) => html`
      <button type="button" key=${type} data-testid=${`draw-${type}`} aria-pressed=${drawing === type}
        onClick=${() => actions.draw(drawing === type ? "none" : type)}>${t(`shape.${type}`)}</button>`)}</div>
    ${drawing !== "none" && html`<p class="hint" role="status">${t(`declare.how.${drawing}`)}</p>`}
    <div class="row"><span class="dim">${t("declare.type")}</span>
      ${/** @type {const} */ (["polygon", "circle", "corridor"]).map((type) => html`
      <button type="button" class="quiet" key=${type} data-testid=${`type-${type}`}
        onClick=${() => actions.addShape(type)}>+ ${t(`shape.${type}`)}</button>`)}</div>
  </fieldset>`;
}

/** @param {{draft: Draft}} props */
function Properties({ draft }) {
  const t = useTexts();
  const actions = useActions();
  const isNew = draft.version === null;
  return html`<fieldset><legend>${t("declare.properties")}</legend>
    <div class="fields">
      <label class="field"><span class="field-name">${t("item.id")}</span>
        <input type="text" dir="ltr" value=${draft.id} readonly=${!isNew} data-testid="item-id" autocomplete="off"
          onInput=${(/** @type {any} */ event) => actions.setDraft({ ...draft, id: event.target.value })} /></label>
      <label class="field"><span class="field-name">${t("item.kind")}</span>
        <select value=${draft.kind === "constraint" ? draft.rule : draft.kind} disabled=${!isNew} data-testid="item-kind"
          onChange=${(/** @type {any} */ event) => actions.setDraft(withKind(draft, event.target.value))}>
          ${["operational_intent", "keep_out", "notify_first"].map((kind) =>
            html`<option key=${kind} value=${kind}>${t(`kind.${kind}`)}</option>`)}
        </select></label>
      <${NumberField} label=${t("item.priority")} value=${draft.priority} testId="item-priority"
        onValue=${(/** @type {number} */ priority) => actions.setDraft({ ...draft, priority: Math.round(priority) })} />
    </div>
  </fieldset>`;
}

/**
 * @param {Draft} draft
 * @param {string} kind
 * @returns {Draft}
 */
function withKind(draft, kind) {
  if (kind === "keep_out" || kind === "notify_first") return { ...draft, kind: "constraint", rule: kind };
  return { ...draft, kind: "operational_intent" };
}

/**
 * What the node says of the draft, and the buttons that act on it.
 *
 * @param {{draft: Draft}} props
 */
function Outcome({ draft }) {
  const t = useTexts();
  const actions = useActions();
  const outcome = useSelected((state) => state.outcome);
  const session = useSelected((state) => state.session);
  const missing = missingIn(draft);
  const hasConflict = outcome.findings.some(({ verdict }) => verdict === "conflict");
  const isRecording = session?.node.conflicts === "record";
  const submitKey = hasConflict && isRecording ? "declare.submit_conflicting"
    : draft.version === null ? "declare.submit" : "declare.submit_amend";
  return html`<fieldset class="outcome"><legend>${t("declare.check")}</legend>
    ${missing.length > 0 && html`<ul class="hint">${missing.map((key) => html`<li key=${key}>${t(key)}</li>`)}</ul>`}
    ${missing.length === 0 && html`<${CheckResult} draft=${draft} />`}
    <div class="row end">
      <button type="submit" class="primary" data-testid="declare-submit"
        disabled=${missing.length > 0 || outcome.status === "sending"}>${t(submitKey)}</button>
      <button type="button" data-testid="declare-cancel" onClick=${actions.discardDraft}>${t("action.discard")}</button>
    </div>
  </fieldset>`;
}

/** @param {{draft: Draft}} props */
function CheckResult({ draft }) {
  const t = useTexts();
  const actions = useActions();
  const { status, answer, findings, error, faults } = useSelected((state) => state.outcome);
  const resolution = useSelected((state) => state.resolution);
  const party = useSelected((state) => state.session?.party ?? "");
  const hasConflict = findings.some(({ verdict }) => verdict === "conflict");
  const headlines = {
    none: "", checking: t("draft.checking"), sending: t("draft.sending"),
    failed: t("draft.check_failed", { reason: error }), refused: t("draft.refused", { reason: error }),
    checked: answer === null ? "" : t(`draft.answer.${answer.answer}`, { count: findings.length }),
  };
  const look = status === "checked" ? answer?.answer : status;
  return html`<div class=${`verdict ${look}`} data-testid="draft-check" data-state=${look} role=${status === "refused" ? "alert" : undefined}>
      <strong>${headlines[status]}</strong>
      ${answer !== null && html`<p class="dim">${t("verdict.checked_draft",
        { operations: answer.checked.operations, zones: answer.checked.zones })}
        ${answer.answer === "cannot_decide" && html` <bdi>${answer.checked.reason}</bdi>`}</p>`}
      ${faults.length > 0 && html`<ul>${faults.map(({ field, reason }) =>
        html`<li key=${`${field}${reason}`}><bdi class="id">${field}</bdi>: <bdi>${reason}</bdi></li>`)}</ul>`}
    </div>
    <ul class="findings">${findings.map((finding) => html`<li key=${keyOf(finding)} class=${`finding ${finding.verdict}`}>
      <p class="finding-head"><span class="finding-verdict">${t(`verdict.${finding.verdict}`)}</span>
        <${FindingSides} finding=${finding} /></p>
      <${FindingCells} finding=${finding} isWhole=${false} /></li>`)}</ul>
    ${hasConflict && html`<p><button type="button" data-testid="offer-changes"
        onClick=${() => actions.offerChanges({ item: itemOf(draft, party) })}>${t("changes.offer_draft")}</button></p>`}
    ${resolution !== null && resolution.item !== null && html`<${Changes} resolution=${resolution} />`}`;
}
