/** The form to sign in with a token. The token goes to the node once, and is kept nowhere. */

import { html, useActions, useSelected, useState, useTexts } from "../preact.js";
import { LanguageSelect, ThemeSelect } from "./header.js";

export function SignIn() {
  const t = useTexts();
  const actions = useActions();
  const error = useSelected((state) => state.signInError);
  const [token, setToken] = useState("");
  const [isSending, setIsSending] = useState(false);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    setIsSending(true);
    await actions.signIn(token.trim());
    setIsSending(false);
    setToken("");
  }

  return html`<main class="sign-in">
    <h1>${t("app.name")}</h1>
    <p>${t("app.purpose")}</p>
    <form onSubmit=${submit} data-testid="sign-in">
      <label for="token">${t("sign_in.token")}</label>
      <input id="token" type="password" autocomplete="off" dir="ltr" value=${token}
        aria-describedby="token-hint" onInput=${(/** @type {any} */ event) => setToken(event.target.value)} />
      <p id="token-hint" class="hint">${t("sign_in.hint")}</p>
      ${error !== "" && html`<p class="problem" role="alert">${t("sign_in.refused", { reason: error })}</p>`}
      <button type="submit" class="primary" disabled=${isSending}>${t("sign_in.submit")}</button>
    </form>
    <div class="choices"><${LanguageSelect} /><${ThemeSelect} /></div>
  </main>`;
}
