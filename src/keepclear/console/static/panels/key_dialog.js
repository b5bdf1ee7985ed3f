/** An officer's key: unlocked from a file in this window, shown in the head of the page, locked again. */

import { html, useActions, useSelected, useState, useTexts } from "../preact.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";

const FILE_ENDING = /\.key$/i;

/** Who signs in this window; nothing where the node has no log, or who is signed in may not change anything. */
export function KeyChip() {
  const t = useTexts();
  const actions = useActions();
  const { status, person } = useSelected((state) => state.officer);
  const canSign = useSelected(({ session, hotline }) => session?.role !== "viewer" && hotline.status !== "absent" && hotline.status !== "unknown");
  if (!canSign) return null;
  if (status !== "unlocked") {
    return html`<button type="button" data-testid="open-key" onClick=${() => actions.openDialog("key")}>
      <${Icon} name="key" /> ${t("key.unlock")}</button>`;
  }
  return html`<span class="tag own key-tag" data-testid="key-unlocked"><${Icon} name="key" /> ${t("key.signs", { person })}</span>
    <button type="button" data-testid="lock-key" onClick=${actions.lockKey}>${t("key.lock")}</button>`;
}

/** Offers the key where something could be signed if it were unlocked. */
export function UnlockHint() {
  const t = useTexts();
  const actions = useActions();
  return html`<p class="row"><button type="button" data-testid="unlock-here" onClick=${() => actions.openDialog("key")}>
    <${Icon} name="key" /> ${t("key.unlock")}</button> <span class="hint">${t("key.to_sign")}</span></p>`;
}

export function KeyDialog() {
  const t = useTexts();
  const actions = useActions();
  const isOpen = useSelected((state) => state.dialog === "key");
  return html`<${Dialog} isOpen=${isOpen} onClose=${() => actions.openDialog("none")} title=${t("key.title")}><${KeyForm} /></${Dialog}>`;
}

function KeyForm() {
  const t = useTexts();
  const actions = useActions();
  const { status, refused } = useSelected((state) => state.officer);
  const signedIn = useSelected((state) => state.session?.person ?? "");
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [person, setPerson] = useState(signedIn);
  const [passphrase, setPassphrase] = useState("");
  const isBusy = status === "unlocking";
  if (!globalThis.isSecureContext || globalThis.crypto?.subtle === undefined) {
    return html`<p class="verdict unknown">${t("key.refused.not_secure")}</p>`;
  }

  /** @param {File | undefined} chosen */
  function choose(chosen) {
    setFile(chosen ?? null);
    if (chosen !== undefined && FILE_ENDING.test(chosen.name)) setPerson(chosen.name.replace(FILE_ENDING, ""));
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    if (file === null) return;
    setPassphrase("");
    await actions.unlockKey(file, person.trim(), passphrase);
  }

  return html`<form class="key-form" onSubmit=${submit} data-testid="key-form">
    <p class="hint">${t("key.stays_here")}</p>
    <label class="field"><span class="field-name">${t("key.file")}</span>
      <input type="file" data-testid="key-file" onChange=${(/** @type {any} */ event) => choose(event.target.files[0])} /></label>
    <label class="field"><span class="field-name">${t("key.person")}</span>
      <input type="text" dir="auto" autocomplete="off" data-testid="key-person" value=${person}
        onInput=${(/** @type {any} */ event) => setPerson(event.target.value)} /></label>
    <label class="field"><span class="field-name">${t("key.passphrase")}</span>
      <input type="password" dir="ltr" autocomplete="off" data-testid="key-passphrase" value=${passphrase}
        onInput=${(/** @type {any} */ event) => setPassphrase(event.target.value)} /></label>
    ${refused !== "" && html`<p class="problem" role="alert" data-testid="key-refused">${t(`key.refused.${refused}`)}</p>`}
    <p class="hint" role="status">${isBusy ? t("key.unlocking") : ""}</p>
    <p class="row end">
      <button type="submit" class="primary" data-testid="unlock-key"
        disabled=${isBusy || file === null || person.trim() === "" || passphrase === ""}>${t("key.unlock")}</button>
      <button type="button" onClick=${() => actions.openDialog("none")}>${t("action.close")}</button></p>
  </form>`;
}
