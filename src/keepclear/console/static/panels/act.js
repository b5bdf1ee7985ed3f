/** What an officer says with an unlocked key, in the place of a command: a button, with a reason where one belongs. */

import { html, useActions, useSelected, useState, useTexts } from "../preact.js";

/** @typedef {import("../hotline_types.js").Asked} Asked */

const REASON_CHARACTERS_MAX = 1000;

/** Tell whether a key is unlocked in this window, so that buttons stand where commands stood. */
export function useIsUnlocked() {
  return useSelected((state) => state.officer.status === "unlocked");
}

/**
 * @param {{asked: Asked, label: string, testId: string, reason?: "none" | "optional" | "needed"}} props
 */
export function Act({ asked, label, testId, reason = "none" }) {
  const t = useTexts();
  const actions = useActions();
  const [written, setWritten] = useState(/** @type {string | null} */ (null));
  const begin = () => (reason === "none" ? actions.sign(asked) : setWritten(written === null ? "" : null));

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    actions.sign({ ...asked, reason: (written ?? "").trim() }, () => setWritten(null));
  }

  return html`<span class="act"><button type="button" data-testid=${testId} aria-expanded=${reason === "none" ? undefined : written !== null} onClick=${begin}>${label}</button>
    ${written !== null && html`<form class="row" onSubmit=${submit}><label class="field"><span class="field-name">${t("act.reason")}</span>
      <input type="text" dir="auto" maxlength=${REASON_CHARACTERS_MAX} data-testid="act-reason" value=${written} onInput=${(/** @type {any} */ event) => setWritten(event.target.value)} /></label>
      <button type="submit" class="primary" data-testid="act-submit" disabled=${reason === "needed" && written.trim() === ""}>${label}</button></form>`}</span>`;
}
