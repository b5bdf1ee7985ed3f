/**
 * What is done by voice while the link is cut: a check that both hold the same picture, and forms that are written
 * down. Whatever one side does not say is not known, and never taken for the same.
 */

import { html, useActions, useSaid, useSelected, useState, useTexts } from "../preact.js";
import { newMessage } from "../hotline.js";
import { Dialog } from "./dialog.js";
import { NumberField } from "./fields.js";
import { FormLines, Symbols } from "./paper_dialog.js";

/** @typedef {import("../hotline_types.js").VoiceState} VoiceState */

const PARTS = /** @type {const} */ (["check", "form"]);

export function VoiceDialog() {
  const t = useTexts();
  const actions = useActions();
  const isOpen = useSelected((state) => state.dialog === "voice");
  const voice = useSelected((state) => state.voice);
  return html`<${Dialog} isOpen=${isOpen} onClose=${() => actions.openDialog("none")} title=${t("voice.title", { party: voice?.party ?? "" })}>
    ${voice !== null && html`<div class="voice" data-testid="voice">
      <div class="row" role="group" aria-label=${t("voice.begin")}>${PARTS.map((part) => html`<button type="button" key=${part} data-testid=${`voice-${part}`} aria-pressed=${voice.part === part}
        onClick=${() => actions.setVoice({ part, error: "" })}>${t(`voice.${part}`)}</button>`)}</div>
      ${voice.part === "check" ? html`<${PictureCheck} voice=${voice} />` : html`<${Form} voice=${voice} />`}
      ${voice.error !== "" && html`<p class="problem" role="alert" data-testid="voice-error"><bdi>${voice.error}</bdi></p>`}
      <p class="row end"><button type="button" onClick=${() => actions.openDialog("none")}>${t("action.close")}</button></p></div>`}
  </${Dialog}>`;
}

/** @param {{voice: VoiceState}} props */
function PictureCheck({ voice: { party, told, challenge, asked } }) {
  const t = useTexts();
  const actions = useActions();
  const [sizes, setSizes] = useState(/** @type {Record<string, number | null>} */ ({}));
  const [drawn, setDrawn] = useState("");
  if (told === null) return html`<p role="status">${t("hotline.loading")}</p>`;
  const { parties, held, frozen, ours, theirs, remarks } = told;
  const isHeard = parties.every((each) => typeof sizes[each] === "number");
  return html`<ol class="steps-list">
    <li><p>${t("voice.read_sizes")}</p><ul class="subjects" data-testid="voice-held">${parties.map((each) => html`<li key=${each}>${t("voice.log_of", { party: each })} <b dir="ltr">${held[each]}</b></li>`)}</ul>
      ${frozen === null && html`<p>${t("voice.hear_sizes", { party })}</p><div class="fields">${parties.map((each) => html`<${NumberField} key=${each} label=${t("voice.log_of", { party: each })} testId=${`voice-size-${each}`}
        value=${sizes[each] ?? null} onValue=${(/** @type {number | null} */ size) => setSizes({ ...sizes, [each]: size })} />`)}
        <button type="button" class="primary" data-testid="voice-freeze" disabled=${!isHeard} onClick=${() => actions.tellCheck({ ours: held, theirs: sizes })}>${t("voice.next")}</button></div>`}</li>
    ${frozen !== null && html`<li><p>${t("voice.frozen")} <b dir="ltr">${parties.map((each) => `${each} ${frozen[each]}`).join(" · ")}</b></p>
      ${remarks.map((remark) => html`<p key=${remark} class="verdict stale"><bdi>${remark}</bdi></p>`)}</li>`}
    ${challenge !== null && html`<li><p>${t("voice.read_challenge")}</p><p data-testid="voice-challenge"><${Symbols} spelled=${challenge} /></p>
      ${ours === null && html`<div class="fields"><${SymbolField} label=${t("voice.hear_challenge", { party })} testId="voice-their-challenge" value=${drawn} onValue=${setDrawn} />
        <button type="button" class="primary" data-testid="voice-challenged" disabled=${drawn === ""} onClick=${() => actions.tellCheck({ challenge_ours: challenge.symbols, challenge_theirs: drawn })}>${t("voice.next")}</button></div>`}</li>`}
    ${ours !== null && theirs !== null && html`<li><p>${t("voice.read_half")}</p><p data-testid="voice-ours"><${Symbols} spelled=${ours} /></p>
      <p>${t("voice.must_hear", { party })} <span class="hint">${t("voice.compare")}</span></p><${Compared} /></li>
      <li><${Parts} path=${String(asked.path ?? "")} /></li>`}
  </ol>`;
}

/** Says what had to be heard, and what was, in a message of the log, once a key is unlocked. */
function Compared() {
  const t = useTexts();
  const actions = useActions();
  const voice = useSelected((state) => state.voice);
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const [heard, setHeard] = useState("");
  if (voice?.told?.ours === null || voice?.told?.ours === undefined) return null;
  const { ours: { symbols }, theirs } = voice.told;
  const isWhole = heard.length >= (theirs?.symbols.length ?? 0);
  const isSame = heard === theirs?.symbols; // shown only afterwards: who sees it first may say it without being asked
  return html`<div class="fields"><${SymbolField} label=${t("voice.heard")} testId="voice-heard" value=${heard} onValue=${setHeard} />
      <button type="button" data-testid="voice-log" disabled=${!isUnlocked || !isWhole}
        onClick=${() => actions.send(newMessage({ to: voice.party, code: "picture_checked", fields: { ours: theirs?.symbols ?? symbols, heard } }))}>${t("voice.log")}</button></div>
    ${isWhole && html`<p class=${`verdict ${isSame ? "clear" : "stale"}`} data-testid="voice-outcome" data-same=${isSame}><strong>${t(isSame ? "voice.same" : "voice.differs")}</strong> ${!isSame && theirs !== null && html`<${Symbols} spelled=${theirs} />`}</p>`}`;
}

/** The parts of the picture: where codes differ, one goes into the part. @param {{path: string}} props */
function Parts({ path }) {
  const t = useTexts();
  const actions = useActions();
  const told = useSelected((state) => state.voice?.told);
  if (told === null || told === undefined) return null;
  const { parts, standing, standing_count, parties } = told;
  return html`<details open=${path !== ""}><summary>${t("voice.parts")}</summary>
    ${path !== "" && html`<p class="row"><button type="button" data-testid="voice-whole" onClick=${() => actions.tellCheck({ path: "" })}>${t("voice.whole")}</button> <code dir="ltr">${path}</code></p>`}
    ${parts !== null && parts.length > 0 && html`<table class="receipts-table"><tbody>${parts.map(({ path: within, code, size }) => html`<tr key=${within}><th scope="row">${nameOf(within)}</th><td><${Symbols} spelled=${code} /></td><td>${size}</td>
      <td>${!within.endsWith(".log") && html`<button type="button" class="quiet" data-testid="voice-part" onClick=${() => actions.tellCheck({ path: within })}>${t("voice.into")}<span class="visually-hidden"> ${nameOf(within)}</span></button>`}</td></tr>`)}</tbody></table>`}
    ${standing !== null && path !== "" && html`<ul class="subjects">${standing.map(({ name }) => html`<li key=${name}><bdi>${name}</bdi></li>`)}</ul>`}
    ${standing !== null && standing_count !== null && standing_count > standing.length && html`<p class="hint">${t("list.more", { count: standing_count - standing.length })}</p>`}</details>`;

  /** @param {string} within */
  function nameOf(within) {
    const last = within.split("/").at(-1) ?? "";
    const party = parties[within.startsWith("b") ? 1 : 0] ?? "";
    if (last === "a.log" || last === "b.log") return t("voice.log_of", { party });
    if (last === "a" || last === "b") return t("voice.stated_by", { party });
    if (last === "both") return t("voice.agreement");
    if (last === "0" || last === "1") return t(`voice.half_${last}`);
    if (last === "undated") return t("voice.undated");
    const [day = "", days] = last.split("+");
    return days === undefined ? day : t("voice.days_from", { day, days });
  }
}

/** @param {{label: string, testId: string, value: string, onValue: (value: string) => void}} props */
function SymbolField({ label, testId, value, onValue }) {
  return html`<label class="field"><span class="field-name">${label}</span><input type="text" class="symbols" dir="ltr" autocomplete="off" data-testid=${testId} value=${value}
    onInput=${(/** @type {any} */ event) => onValue(event.target.value.replaceAll(/[\s-]/g, "").toUpperCase())} /></label>`;
}

/** A form, line by line as it is read out; a wrong line is told at once. @param {{voice: VoiceState}} props */
function Form({ voice: { read, given } }) {
  const t = useTexts();
  const said = useSaid();
  const actions = useActions();
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const [text, setText] = useState("");
  const [symbol, setSymbol] = useState("");
  const [total, setTotal] = useState("");
  if (read === null) return html`<p role="status">${t("hotline.loading")}</p>`;

  /** @param {Event} event */
  async function add(event) {
    event.preventDefault();
    const count = given.lines.length;
    await actions.readForm({ lines: [...given.lines, { text: text.trim(), symbol: symbol || null }], total: null });
    if (actions.voiceLines() === count) return; // refused: it stays to be put right
    setText("");
    setSymbol("");
  }

  const { lines, next, deed, checked, texts } = read;
  return html`<div data-testid="voice-form-body"><p class="hint">${t("voice.form_hint")}</p>
    ${lines.length > 0 && html`<${FormLines} lines=${lines} />`}
    ${lines.length > 0 && html`<button type="button" class="quiet" data-testid="form-back" onClick=${() => actions.readForm({ lines: given.lines.slice(0, -1), total: null })}>${t("voice.back")}</button>`}
    ${next !== null && html`<form class="fields" onSubmit=${add}><label class="field wide-field"><span class="field-name">${said(next.labels)} ${!next.needed && t("voice.may_be_empty")}</span>
        <input type="text" dir="ltr" autocomplete="off" data-testid="form-text" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} /></label>
      <${SymbolField} label=${t("paper.symbol")} testId="form-symbol" value=${symbol} onValue=${setSymbol} />
      <button type="submit" class="primary" data-testid="form-add" disabled=${text.trim() === ""}>${t("voice.next")}</button></form>`}
    ${next === null && deed === null && html`<div class="fields"><${SymbolField} label=${t("paper.total")} testId="form-total" value=${total} onValue=${setTotal} />
      <button type="button" class="primary" data-testid="form-complete" onClick=${() => actions.readForm({ lines: given.lines, total: total || null, complete: true })}>${t("voice.complete")}</button></div>`}
    ${deed !== null && html`<p class="sentence" dir="auto" data-testid="form-sentence">${said(texts ?? undefined)}</p>
      ${!checked && html`<p class="verdict stale">${t("voice.not_checked")}</p>`}
      <button type="button" class="primary" data-testid="form-sign" disabled=${!isUnlocked} onClick=${actions.signHeard}>${t("voice.sign")}</button>
      ${!isUnlocked && html` <span class="hint">${t("voice.unlock_first")}</span>`}`}</div>`;
}
