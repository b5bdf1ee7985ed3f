/** Going on duty and off, and handing over: each is signed by the officer whom it is about. */

import { html, useActions, useSelected, useState, useTexts } from "../preact.js";
import { newMessage } from "../hotline.js";

export function DutyActions() {
  const t = useTexts();
  const actions = useActions();
  const { status, person } = useSelected((state) => state.officer);
  const channels = useSelected((state) => state.hotline.channels) ?? [];
  const [telephone, setTelephone] = useState("");
  const [isSenior, setIsSenior] = useState(false);
  if (status !== "unlocked" || channels[0] === undefined) return null;
  const duty = channels[0].on_duty.ours;
  const isOn = duty.some((each) => each.person === person);
  const before = duty.find((each) => each.person !== person);
  return html`<details class="duty" data-testid="duty"><summary>${t(isOn ? "duty.you_are_on" : "duty.you_are_off")}</summary>
    <div class="fields">
      <label class="field"><span class="field-name">${t("duty.telephone")}</span>
        <input type="tel" dir="ltr" maxlength="40" data-testid="duty-telephone" value=${telephone} onInput=${(/** @type {any} */ event) => setTelephone(event.target.value)} /></label>
      <label class="check"><input type="checkbox" checked=${isSenior} onChange=${(/** @type {any} */ event) => setIsSenior(event.target.checked)} />${t("duty.senior")}</label>
      <button type="button" data-testid="go-on-duty" onClick=${() => actions.sign({ kind: "go_on_duty", senior: isSenior, telephone: telephone.trim() })}>${t(isOn ? "duty.change" : "duty.go_on")}</button>
      ${isOn && html`<button type="button" data-testid="go-off-duty" onClick=${() => actions.sign({ kind: "go_off_duty" })}>${t("duty.go_off")}</button>`}
    </div>
    ${isOn && before !== undefined && html`<p class="row"><span class="hint">${t("duty.handover_hint", { person: before.person })}</span>
      ${channels.map(({ party }) => html`<button type="button" key=${party} data-testid="handover"
        onClick=${() => actions.send(newMessage({ to: party, code: "handover", fields: { from: before.person, by: person } }))}>${t("duty.handover", { party })}</button>`)}</p>`}
  </details>`;
}
