/** The keys that work everywhere. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { SHORTCUTS } from "../shortcuts.js";
import { Dialog } from "./dialog.js";

export function HelpDialog() {
  const t = useTexts();
  const actions = useActions();
  const isOpen = useSelected((state) => state.dialog === "help");
  const close = () => actions.openDialog("none");
  return html`<${Dialog} isOpen=${isOpen} onClose=${close} title=${t("help.title")}>
    <table class="shortcuts"><caption class="visually-hidden">${t("help.keys")}</caption>
      <tbody>${SHORTCUTS.map(([key, text]) => html`<tr key=${key}><th scope="row"><kbd dir="ltr">${key}</kbd></th><td>${t(text)}</td></tr>`)}</tbody></table>
    <p class="hint">${t("help.map_keys")}</p>
    <p class="hint">${t("help.limits")}</p>
    <p class="row end"><button type="button" class="primary" onClick=${close}>${t("action.close")}</button></p>
  </${Dialog}>`;
}
