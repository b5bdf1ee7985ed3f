/** Shows what would be signed, as this page read it out of the text itself, and signs it when told to. */

import { html, useActions, useEffect, useRef, useSaid, useSelected, useTexts } from "../preact.js";
import { numberOf } from "../hotline.js";
import { Dialog } from "./dialog.js";
import { Warnings } from "./warnings.js";

/** @typedef {import("../hotline_types.js").SigningState} SigningState */

export function SigningDialog() {
  const t = useTexts();
  const actions = useActions();
  const signing = useSelected((state) => state.signing);
  return html`<${Dialog} isOpen=${signing !== null} onClose=${actions.cancelSigning} title=${t("signing.title")}>
    ${signing !== null && html`<${Signing} signing=${signing} />`}</${Dialog}>`;
}

/** @param {{signing: SigningState}} props */
function Signing({ signing: { asked, status, draft, error } }) {
  const t = useTexts();
  const said = useSaid();
  const actions = useActions();
  const { person } = useSelected((state) => state.officer);
  const confirm = /** @type {{current: HTMLButtonElement | null}} */ (useRef(null));
  useEffect(() => {
    if (status === "ready") confirm.current?.focus();
  }, [status]);
  const subjects = subjectsOf(asked);
  const message = /** @type {{to?: string, drill?: string} | undefined} */ (asked.message);
  return html`<div class="signing" data-testid="signing" data-status=${status}>
    ${message?.drill !== undefined && html`<p class="exercise-mark">${t("message.exercise")} <bdi>${message.drill}</bdi></p>`}
    <p><strong>${t(`deed.${asked.kind}`)}</strong>${message?.to !== undefined && html` ${t("signing.to", { party: message.to })}`}</p>
    ${draft !== null && draft.texts !== null && html`<p class="sentence" dir="auto" data-testid="signing-text">${said(draft.texts)}</p>`}
    ${subjects.length > 0 && html`<ul class="subjects">${subjects.map((subject) => html`<li key=${subject}><bdi>${subject}</bdi></li>`)}</ul>`}
    ${draft !== null && html`<${Warnings} warnings=${draft.warnings} />`}
    ${status === "drafting" && html`<p role="status">${t("signing.drafting")}</p>`}
    ${status === "sending" && html`<p role="status">${t("signing.sending")}</p>`}
    ${status === "failed" && html`<p class="verdict refused" role="alert" data-testid="signing-failed"><strong>${t("signing.failed")}</strong> <bdi>${error}</bdi></p>`}
    ${status === "differs" && html`<p class="verdict refused" role="alert" data-testid="signing-differs"><strong>${t("signing.differs")}</strong> <code dir="ltr">${error}</code></p>`}
    ${draft !== null && html`<details><summary>${t("signing.exact")}</summary><pre dir="ltr" tabindex="0">${draft.payload}</pre></details>`}
    <p class="hint">${t("signing.as", { person })}</p>
    <p class="row end">
      <button type="button" class="primary" ref=${confirm} data-testid="confirm-signing" disabled=${status !== "ready"} onClick=${actions.confirmSigning}>${t("signing.confirm")}</button>
      <button type="button" data-testid="cancel-signing" onClick=${actions.cancelSigning}>${t("signing.cancel")}</button></p>
  </div>`;
}

/**
 * Return what a deed is about, in the words that it signs.
 *
 * @param {import("../hotline_types.js").Asked} asked
 */
function subjectsOf(asked) {
  const given = /** @type {any} */ (asked);
  const refs = [...given.items ?? [], ...given.item === undefined ? [] : [given.item], ...given.conflict ?? []];
  return [
    ...refs.map(({ party, id, version }) => `${party}: ${id} (${version})`),
    ...(given.messages ?? []).map(numberOf),
    ...[given.proposal, given.counters, given.digest, given.peer, given.reason, given.telephone].filter((each) => each !== undefined && each !== ""),
  ];
}
