/** A file of items: read by the node, looked through here, and then declared, each by itself. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { kindKey, spanOf } from "../items.js";
import { fieldText } from "../times.js";
import { leftToRight } from "../texts.js";
import { PartyMark } from "./party_mark.js";

/** @typedef {import("../types.js").UploadState} UploadState */

const ROWS_MAX = 200;

export function Upload() {
  const t = useTexts();
  const actions = useActions();
  const upload = useSelected((state) => state.upload);
  /** @param {any} event */
  function choose(event) {
    const [file] = event.target.files;
    if (file !== undefined) actions.upload(file);
    event.target.value = ""; // the same file may be chosen again once it is mended
  }
  return html`<fieldset class="upload"><legend>${t("upload.title")}</legend>
    <label class="field"><span class="field-name">${t("upload.choose")}</span>
      <input type="file" data-testid="upload-file" accept=".geojson,.json,.kml,.csv" onChange=${choose} /></label>
    <p class="hint">${t("upload.hint")}</p>
    ${upload !== null && html`<${Preview} upload=${upload} />`}
  </fieldset>`;
}

/** @param {{upload: UploadState}} props */
function Preview({ upload }) {
  const t = useTexts();
  const actions = useActions();
  const { name, status, rows, problems, assumptions, error } = upload;
  if (status === "reading") return html`<p role="status">${t("upload.reading", { name })}</p>`;
  if (status === "failed") return html`<p class="problem" role="alert">${t("upload.failed", { name, reason: error })}</p>`;
  const chosen = rows.filter((row) => row.isChosen && row.status !== "declared").length;
  return html`
    <h3><bdi>${name}</bdi></h3>
    ${problems.length > 0 && html`<div class="verdict unknown" role="alert"><strong>${t("upload.problems", { count: problems.length })}</strong>
      <ul>${problems.map(({ item, field, reason }) => html`<li key=${`${item}${field}${reason}`}>
        <bdi class="id">${item}</bdi> <bdi class="id">${field}</bdi>: <bdi>${reason}</bdi></li>`)}</ul></div>`}
    <table class="upload-rows" data-testid="upload-rows">
      <caption class="visually-hidden">${t("upload.items")}</caption>
      <thead><tr><td></td><th scope="col">${t("item.id")}</th><th scope="col">${t("item.kind")}</th>
        <th scope="col">${t("item.from")}</th><th scope="col">${t("upload.outcome")}</th></tr></thead>
      <tbody>${rows.slice(0, ROWS_MAX).map((row, k) => html`<${Row} key=${row.item.id} row=${row} number=${k} />`)}</tbody>
    </table>
    ${rows.length > ROWS_MAX && html`<p class="hint">${t("upload.more", { count: rows.length - ROWS_MAX })}</p>`}
    ${assumptions.length > 0 && html`<details><summary>${t("upload.assumed", { count: assumptions.length })}</summary>
      <ul>${assumptions.map(({ item, text }) => html`<li key=${item + text}><bdi class="id">${item}</bdi>: <bdi>${text}</bdi></li>`)}</ul></details>`}
    <div class="row end">
      <button type="button" class="primary" data-testid="upload-declare" disabled=${chosen === 0 || status === "declaring"}
        onClick=${actions.declareUpload}>${t("upload.declare", { count: chosen })}</button>
      <button type="button" onClick=${actions.discardUpload}>${t("action.close")}</button>
    </div>`;
}

/** @param {{row: import("../types.js").UploadRow, number: number}} props */
function Row({ row, number }) {
  const t = useTexts();
  const actions = useActions();
  const own = useSelected((state) => state.session?.party);
  const { item, isChosen, status, detail } = row;
  const isForeign = item.party !== undefined && item.party !== null && item.party !== own;
  return html`<tr>
    <td><input type="checkbox" checked=${isChosen} disabled=${isForeign || status === "declared"}
      aria-label=${t("upload.take", { id: item.id })}
      onChange=${(/** @type {any} */ event) => actions.chooseRow(number, event.target.checked)} /></td>
    <th scope="row"><${PartyMark} party=${item.party} /> <bdi class="id">${item.id}</bdi></th>
    <td>${t(kindKey(item))}</td>
    <td>${leftToRight(fieldText(spanOf(item).startMs).slice(0, 16))}</td>
    <td class=${status === "refused" ? "bad" : ""}>${isForeign ? t("upload.foreign") : t(`upload.${status}`)}
      ${detail !== "" && html` <bdi>${detail}</bdi>`}</td></tr>`;
}
