/** The control of the tones: whether they can be heard at all, a trial, and silence for a minute, never for ever. */

import { html, useActions, useSelected, useTexts } from "../preact.js";
import { Icon } from "./icons.js";

export function SoundControl() {
  const t = useTexts();
  const actions = useActions();
  const { isAllowed, mutedUntilMs } = useSelected((state) => state.sound);
  useSelected((state) => state.nowMs); // the rest of the minute counts down with it
  const left_s = Math.max(0, Math.ceil((mutedUntilMs - performance.now()) / 1000));
  return html`<p class="row sound" data-testid="sound" data-allowed=${isAllowed} data-muted=${left_s > 0}>
    <${Icon} name=${isAllowed && left_s === 0 ? "sound" : "silent"} /> <span role="status">${t(isAllowed ? left_s > 0 ? "sound.muted" : "sound.on" : "sound.off", { left: left_s })}</span>
    <button type="button" class="quiet" data-testid="test-sound" onClick=${actions.testSound}>${t("sound.test")}</button>
    ${isAllowed && left_s === 0 && html`<button type="button" class="quiet" data-testid="mute-sound" onClick=${actions.muteSound}>${t("sound.mute")}</button>`}</p>`;
}
