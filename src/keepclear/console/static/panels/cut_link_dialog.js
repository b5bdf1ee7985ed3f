/** Asks before a link is cut: what is declared after that reaches neither side. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { Dialog } from "./dialog.js";

export function CutLinkDialog() {
  const t = useTexts();
  const actions = useActions();
  const isOpen = useSelected((state) => state.dialog === "cut_link");
  const party = useSelected((state) => state.linkParty);
  const close = () => actions.openDialog("none");
  return html`<${Dialog} isOpen=${isOpen} onClose=${close} title=${t("parties.cut_title", { party })}>
    <p>${t("parties.cut_text", { party })}</p>
    <p class="row end">
      <button type="button" class="danger" data-testid="cut-confirm" onClick=${() => actions.switchLink(party, true)}>${t("parties.cut")}</button>
      <button type="button" onClick=${close}>${t("parties.keep")}</button></p>
  </${Dialog}>`;
}
