/** The head of the page: who is signed in, whether the node is heard, its time, and the choices. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { LANGUAGES, THEMES } from "../preferences.js";
import { clockText, dayText } from "../times.js";
import { KeyChip } from "./key_dialog.js";
import { PartyName } from "./party_mark.js";

export function Header() {
  const t = useTexts();
  const actions = useActions();
  const session = useSelected((state) => state.session);
  const unit = useSelected((state) => state.preferences.unit);
  if (session === null) return null;
  return html`<header class="header">
    <h1><img src="/static/icon.svg" alt="" width="24" height="24" /> ${t("app.name")}</h1>
    <div class="who">
      <${PartyName} party=${session.party} />
      <span class="person"><bdi>${session.person}</bdi> (${t(`role.${session.role}`)})</span>
      ${session.node.is_demonstration && html`<span class="tag">${t("app.demonstration")}</span>`}
    </div>
    <${KeyChip} />
    <${Link} />
    <${Clock} />
    <div class="choices">
      <label class="choice"><span class="visually-hidden">${t("unit.label")}</span>
        <select value=${unit} data-testid="unit-select"
          onChange=${(/** @type {any} */ event) => actions.prefer({ unit: event.target.value })}>
          <option value="m" selected=${unit === "m"}>${t("unit.metric")}</option>
          <option value="ft" selected=${unit === "ft"}>${t("unit.aviation")}</option>
        </select></label>
      <${LanguageSelect} />
      <${ThemeSelect} />
      <button type="button" onClick=${() => actions.openDialog("help")}>${t("help.title")}</button>
      <button type="button" data-testid="sign-out" onClick=${actions.signOut}>${t("sign_in.out")}</button>
    </div>
  </header>`;
}

function Link() {
  const t = useTexts();
  const link = useSelected((state) => state.link);
  const { count, staleCount } = useSelected((state) => state.tracks);
  return html`<div class=${`link ${link}`} data-testid="link-state" data-state=${link}>
    <span class="dot" aria-hidden="true"></span> ${t(`link.${link}`)}
    <span class="dim">${t("tracks.count", { count })}${staleCount > 0 && ` · ${t("tracks.stale", { count: staleCount })}`}</span>
  </div>`;
}

function Clock() {
  const t = useTexts();
  const nowMs = useSelected((state) => state.nowMs);
  const speed = useSelected((state) => state.clock?.speed ?? 1);
  return html`<div class="clock">
    <span class="dim">${t("time.node")}</span>
    <time dir="ltr" datetime=${new Date(nowMs).toISOString()}>${dayText(nowMs)} <b>${clockText(nowMs, { seconds: true })}</b></time>
    ${speed !== 1 && html`<span class="tag" dir="ltr">×${speed}</span>`}
  </div>`;
}

export function LanguageSelect() {
  const t = useTexts();
  const actions = useActions();
  const language = useSelected((state) => state.preferences.language);
  return html`<label class="choice"><span class="visually-hidden">${t("language.label")}</span>
    <select value=${language} data-testid="language-select"
      onChange=${(/** @type {any} */ event) => actions.prefer({ language: event.target.value })}>
      ${LANGUAGES.map(([code, name]) =>
        html`<option key=${code} value=${code} lang=${code} selected=${code === language}>${name}</option>`)}
    </select></label>`;
}

export function ThemeSelect() {
  const t = useTexts();
  const actions = useActions();
  const theme = useSelected((state) => state.preferences.theme);
  return html`<label class="choice"><span class="visually-hidden">${t("theme.label")}</span>
    <select value=${theme} data-testid="theme-select"
      onChange=${(/** @type {any} */ event) => actions.prefer({ theme: event.target.value })}>
      ${THEMES.map((name) =>
        html`<option key=${name} value=${name} selected=${name === theme}>${t(`theme.${name}`)}</option>`)}
    </select></label>`;
}
