/** The form of a message with its check symbols: read out by telephone, or printed. */

import { html, useActions, useSaid, useSelected, useTexts } from "../preact.js";
import { Dialog } from "./dialog.js";

/** @typedef {import("../hotline_types.js").FormLine} FormLine */

export function PaperDialog() {
  const t = useTexts();
  const said = useSaid();
  const actions = useActions();
  const isOpen = useSelected((state) => state.dialog === "paper");
  const paper = useSelected((state) => state.paper);
  const close = () => actions.openDialog("none");
  return html`<${Dialog} isOpen=${isOpen} onClose=${close} title=${t("paper.title")}>
    ${paper !== null && html`<div class="paper" data-testid="paper-form">
      <p><bdi class="id" dir="ltr">${paper.number}</bdi></p>
      ${paper.error !== "" && html`<p class="problem" role="alert"><bdi>${paper.error}</bdi></p>`}
      ${paper.form !== null && html`<p class="sentence" dir="auto">${said(paper.form.texts)}</p><${FormLines} lines=${paper.form.lines} />
        <p>${t("paper.total")} <${Symbols} spelled=${paper.form.total} /></p>`}
      <p class="row end no-print"><button type="button" class="primary" data-testid="print" onClick=${() => window.print()}>${t("paper.print")}</button>
        <button type="button" onClick=${close}>${t("action.close")}</button></p></div>`}
  </${Dialog}>`;
}

/** @param {{lines: FormLine[]}} props */
export function FormLines({ lines }) {
  const t = useTexts();
  const said = useSaid();
  return html`<table class="receipts-table form-lines"><thead><tr><th scope="col">${t("paper.line")}</th><th scope="col">${t("paper.text")}</th><th scope="col">${t("paper.symbol")}</th></tr></thead>
    <tbody>${lines.map(({ name, labels, text, symbol }) => html`<tr key=${name}><th scope="row">${said(labels)}</th><td><bdi dir="ltr">${text}</bdi></td><td><${Symbols} spelled=${symbol} /></td></tr>`)}</tbody></table>`;
}

/** Symbols as they are written, and in the words by which they are spelled. @param {{spelled: import("../hotline_types.js").Spelled}} props */
export function Symbols({ spelled: { symbols, words } }) {
  const language = useSelected((state) => state.preferences.language);
  return html`<span class="symbols" dir="ltr">${symbols}</span> <bdi class="dim spelled">${(words[language] ?? words.en ?? []).join(" ")}</bdi>`;
}
