/** A command to paste into a terminal, with a button that copies it; the text can be selected as well. */

import { html, useRef, useState, useTexts } from "../preact.js";

/** @param {{command: string | null, label: string, hint?: string}} props */
export function Command({ command, label, hint = "" }) {
  const t = useTexts();
  const code = /** @type {{current: HTMLElement | null}} */ (useRef(null));
  const [outcome, setOutcome] = useState("");
  if (command === null) return html`<p class="problem">${label} ${t("command.unprintable")}</p>`;

  async function copy() {
    if (code.current !== null) getSelection()?.selectAllChildren(code.current);
    try {
      await navigator.clipboard.writeText(command ?? ""); // there is no clipboard without TLS, nor without leave
      setOutcome("command.copied");
    } catch {
      setOutcome("command.selected");
    }
  }

  return html`<div class="command" data-testid="command">
    <span class="command-label">${label}</span>
    <code dir="ltr" ref=${code}>${command}</code>
    <button type="button" data-testid="copy" onClick=${copy}>${t("command.copy")}<span class="visually-hidden"> ${command}</span></button>
    ${hint !== "" && html`<span class="hint">${hint}</span>`}
    <span class="hint" role="status">${outcome !== "" && t(outcome)}</span>
  </div>`;
}

/** Says why the console has a command there and no button. */
export function CommandHint() {
  const t = useTexts();
  return html`<p class="hint">${t("command.hint")}</p>`;
}
