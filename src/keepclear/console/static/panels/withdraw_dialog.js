/** Asks before an item is withdrawn: others lose sight of it at once. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { Dialog } from "./dialog.js";

export function WithdrawDialog() {
  const t = useTexts();
  const actions = useActions();
  const isOpen = useSelected((state) => state.dialog === "withdraw");
  const record = useSelected((state) => state.records.get(state.selection.itemId ?? ""));
  const close = () => actions.openDialog("none");
  return html`<${Dialog} isOpen=${isOpen && record !== undefined} onClose=${close} title=${t("withdraw.title")}>
    ${record !== undefined && html`
      <p>${t("withdraw.text", { id: record.item.id })}</p>
      <p class="row end">
        <button type="button" class="danger" data-testid="withdraw-confirm" onClick=${() => actions.withdraw(record)}>${t("item.withdraw")}</button>
        <button type="button" onClick=${close}>${t("action.keep")}</button></p>`}
  </${Dialog}>`;
}
