/** Writes a message: to whom, what about, and its fields, each by its kind; positions are typed or picked on the map. */

import { degreesOf, groupsOf, missingFields, numberOf, PRIORITIES, typeOf } from "../hotline.js";
import { html, useActions, useSaid, useSelected, useTexts } from "../preact.js";
import { localIdOf } from "../coordination.js";
import { NumberField, TimeField } from "./fields.js";

/** @typedef {import("../hotline_types.js").CodeField} CodeField */
/** @typedef {import("../hotline_types.js").CodeType} CodeType */
/** @typedef {import("../hotline_types.js").ComposeState} ComposeState */
/** @typedef {{field: CodeField, value: any, label: string, onValue: (value: unknown) => void}} FieldProps */

const SPELLED = ["call_sign", "symbols"];
/** Numbers that are typed in another unit than they are sent in: how many of the sent ones it has, and its digits. */
const SCALES = /** @type {Record<string, [number, number, string]>} */ ({
  duration: [60, 2, "unit.min_short"], frequency: [1000, 3, "unit.mhz"], distance: [1, 0, "unit.m_short"],
  speed: [1, 0, "unit.mps_short"], track: [1, 0, "unit.deg_true"], count: [1, 0, ""],
});

/** @param {{compose: ComposeState}} props */
export function Compose({ compose }) {
  const t = useTexts();
  const said = useSaid();
  const actions = useActions();
  const catalogue = useSelected((state) => state.hotline.catalogue);
  const channels = useSelected((state) => state.hotline.channels) ?? [];
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const { to, code, fields, answers, corrects, priority, drill } = compose;
  const type = typeOf(catalogue, code);
  if (catalogue === null) return null;
  const isFree = answers === null && corrects === null;
  const missing = type === null ? [] : missingFields(compose, type);
  const ends = type === null ? [] : PRIORITIES.slice(0, PRIORITIES.indexOf(type.priority) + 1);

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    actions.sendComposed();
  }

  return html`<form class=${`compose detail ${drill === "" ? "" : "exercise"}`} data-testid="compose" aria-label=${t("compose.title")} onSubmit=${submit}>
    <h3>${t(answers !== null ? "compose.answer" : corrects !== null ? "compose.correct" : "compose.title")}
      <button type="button" class="quiet" data-testid="discard-compose" onClick=${actions.discardCompose}>${t("action.discard")}</button></h3>
    ${answers !== null && html`<p class="hint">${t("message.answers", { number: answers.number })}: <bdi>${said(answers.texts)}</bdi></p>`}
    ${corrects !== null && html`<p class="hint">${t("message.corrects", { number: corrects.number })}: <bdi>${said(corrects.texts)}</bdi></p>`}
    <div class="fields">
      <${Choice} label=${t("compose.to")} testId="compose-to" value=${to} isFixed=${!isFree} onValue=${(/** @type {string} */ party) => actions.setCompose({ to: party })}
        options=${[["", "–"], ...channels.map(({ party }) => [party, party])]} />
      ${isFree && html`<label class="field wide-field"><span class="field-name">${t("compose.code")}</span>
        <select data-testid="compose-code" value=${code} onChange=${(/** @type {any} */ event) => actions.setCompose({ code: event.target.value, fields: {}, priority: "", picking: "" })}>
          <option value="" selected=${code === ""}>–</option>
          ${groupsOf(catalogue).map(([group, types]) => html`<optgroup key=${group} label=${t(`compose.group.${group}`)}>
            ${types.map((each) => html`<option key=${each.code} value=${each.code} selected=${each.code === code}>${said(each.titles)}</option>`)}</optgroup>`)}
        </select></label>`}
    </div>
    ${type !== null && html`<div class="fields">${type.fields.map((field) => html`<${ValueField} key=${`${code} ${field.name}`} field=${field} value=${fields[field.name]}
      picking=${compose.picking} onValue=${(/** @type {unknown} */ value) => setField(field.name, value)} />`)}</div>
    <div class="fields">
      ${ends.length > 1 && html`<${Choice} label=${t("compose.priority")} testId="compose-priority" value=${priority || type.priority}
        onValue=${(/** @type {any} */ chosen) => actions.setCompose({ priority: chosen })} options=${ends.map((each) => [each, t(`priority.${each}`)])} />`}
      ${isFree && html`<label class="field"><span class="field-name">${t("compose.drill")}</span>
        <input type="text" dir="auto" maxlength="64" data-testid="compose-drill" value=${drill} placeholder=${t("compose.no_drill")}
          onInput=${(/** @type {any} */ event) => actions.setCompose({ drill: event.target.value })} /></label>`}
    </div>
    ${drill !== "" && html`<p class="exercise-mark">${t("compose.is_exercise")}</p>`}
    <p class="row"><button type="submit" class="primary" data-testid="send" disabled=${!isUnlocked || to === "" || missing.length > 0}>${t("compose.send")}</button>
      ${!isUnlocked && html`<button type="button" data-testid="unlock-here" onClick=${() => actions.openDialog("key")}>${t("key.unlock")}</button>`}
      ${missing.length > 0 && html`<span class="hint">${t("compose.missing", { fields: missing.map((name) => said(type.fields.find((field) => field.name === name)?.labels)).join(", ") })}</span>`}</p>`}
  </form>`;

  /**
   * @param {string} name
   * @param {unknown} value
   */
  function setField(name, value) {
    actions.setCompose({ fields: { ...compose.fields, [name]: value } });
  }
}

/** @param {{label: string, testId: string, value: string, options: [string, string][], onValue: (value: string) => void, isFixed?: boolean}} props */
function Choice({ label, testId, value, options, onValue, isFixed = false }) {
  return html`<label class="field"><span class="field-name">${label}</span>
    <select value=${value} data-testid=${testId} disabled=${isFixed} onChange=${(/** @type {any} */ event) => onValue(event.target.value)}>
      ${options.map(([each, words]) => html`<option key=${each} value=${each} selected=${each === value}>${words}</option>`)}</select></label>`;
}

/** @param {{field: CodeField, value: any, picking: string, onValue: (value: unknown) => void}} props */
function ValueField({ field, value, picking, onValue }) {
  const t = useTexts();
  const said = useSaid();
  const label = `${said(field.labels)}${field.needed ? "" : ` ${t("compose.optional")}`}`;
  const props = { field, value, label, onValue };
  switch (field.kind) {
    case "item": return html`<${ItemChoice} ...${props} />`;
    case "message": return html`<${MessageChoice} ...${props} />`;
    case "party": return html`<${PartyChoice} ...${props} />`;
    case "position": return html`<${PositionFields} ...${props} isPicking=${picking === field.name} />`;
    case "height": return html`<${HeightFields} ...${props} />`;
    case "instant": return html`<${TimeField} label=${label} testId=${`field-${field.name}`} value=${value ?? null} isOptional=${!field.needed}
      onValue=${(/** @type {number | null} */ ms) => onValue(ms === null ? null : Math.floor(ms / 1000) * 1000)} />`;
    case "reason": case "nature": case "result": case "step": case "state": return html`<${WordChoice} ...${props} />`;
    case "duration": case "distance": case "speed": case "track": case "frequency": case "count": {
      const [scale, digits, unit] = SCALES[field.kind] ?? [1, 0, ""];
      return html`<${NumberField} label=${unit === "" ? label : `${label}, ${t(unit)}`} testId=${`field-${field.name}`} digits=${digits} isOptional=${!field.needed}
        value=${typeof value === "number" ? value / scale : null} onValue=${(/** @type {number | null} */ typed) => onValue(typed === null ? null : Math.round(typed * scale))} />`;
    }
    default: return html`<label class=${`field ${field.kind === "text" ? "wide-field" : ""}`}><span class="field-name">${label}</span>
      <input type="text" autocomplete="off" maxlength=${field.kind === "text" ? 500 : 100} dir=${SPELLED.includes(field.kind) ? "ltr" : "auto"} data-testid=${`field-${field.name}`} value=${value ?? ""}
        onInput=${(/** @type {any} */ event) => onValue(SPELLED.includes(field.kind) ? event.target.value.trim().toUpperCase() : event.target.value)} /></label>`;
  }
}

/** @param {FieldProps} props */
function ItemChoice({ field, value, label, onValue }) {
  const own = useSelected((state) => state.session?.node.party ?? "");
  const items = useSelected((state) => state.coordination.items);
  const known = [...items?.values() ?? []];
  const options = known.filter(({ ref }) => (field.name === "ours" ? ref.party === own : field.name === "yours" ? ref.party !== own : true));
  const idOf = (/** @type {any} */ ref) => (ref === null || ref === undefined ? "" : localIdOf(ref, own));
  // what it was about may have gone since, or be of another version
  const held = value && !options.some(({ ref }) => ref.id === value.id && ref.party === value.party) ? [[idOf(value), idOf(value)]] : [];
  return html`<${Choice} label=${label} testId=${`field-${field.name}`} value=${idOf(value)} onValue=${(/** @type {string} */ id) => onValue(options.find((each) => each.id === id)?.ref ?? null)}
    options=${[["", "–"], ...held, ...options.map(({ id }) => [id, id])]} />`;
}

/** @param {FieldProps} props */
function MessageChoice({ field, value, label, onValue }) {
  const messages = useSelected((state) => state.hotline.messages) ?? [];
  const numbers = messages.map(({ ref, number }) => /** @type {const} */ ([number, ref]));
  return html`<${Choice} label=${label} testId=${`field-${field.name}`} value=${value ? numberOf(value) : ""} options=${[["", "–"], ...numbers.map(([number]) => [number, number])]}
    onValue=${(/** @type {string} */ chosen) => onValue(numbers.find(([number]) => number === chosen)?.[1] ?? null)} />`;
}

/** @param {FieldProps} props */
function PartyChoice({ field, value, label, onValue }) {
  const parties = useSelected((state) => state.parties);
  return html`<${Choice} label=${label} testId=${`field-${field.name}`} value=${value ?? ""} onValue=${onValue} options=${[["", "–"], ...parties.map((party) => [party, party])]} />`;
}

/** @param {FieldProps} props */
function WordChoice({ field, value, label, onValue }) {
  const said = useSaid();
  const words = useSelected((state) => state.hotline.catalogue?.words[field.kind]) ?? {};
  return html`<${Choice} label=${label} testId=${`field-${field.name}`} value=${value ?? ""} onValue=${onValue}
    options=${[["", "–"], ...Object.entries(words).map(([word, texts]) => [word, said(texts)])]} />`;
}

/** @param {FieldProps & {isPicking: boolean}} props */
function PositionFields({ field, value, label, onValue, isPicking }) {
  const t = useTexts();
  const actions = useActions();
  const [north, east] = value ?? [null, null];
  const step = (/** @type {number | null} */ degrees, /** @type {number} */ most) => (degrees === null || Math.abs(degrees) > most ? null : Math.round(degrees * 100_000));
  return html`<fieldset class="position"><legend>${label}</legend>
    <div class="fields">
      <${NumberField} label=${t("declare.lat")} testId=${`field-${field.name}-lat`} digits=${5} value=${degreesOf(north)} isOptional=${!field.needed} placeholder="35.40000" onValue=${(/** @type {number | null} */ lat) => onValue([step(lat, 90), east])} />
      <${NumberField} label=${t("declare.lng")} testId=${`field-${field.name}-lng`} digits=${5} value=${degreesOf(east)} isOptional=${!field.needed} placeholder="36.10000" onValue=${(/** @type {number | null} */ lng) => onValue([north, step(lng, 179.99999)])} />
      <button type="button" data-testid=${`pick-${field.name}`} aria-pressed=${isPicking} onClick=${() => actions.setCompose({ picking: isPicking ? "" : field.name })}>${t("compose.pick")}</button>
    </div>
    ${isPicking && html`<p class="hint" role="status">${t("compose.picking")}</p>`}</fieldset>`;
}

/** @param {FieldProps} props */
function HeightFields({ field, value, label, onValue }) {
  const t = useTexts();
  const feet = useSelected((state) => state.preferences.unit === "ft");
  const [height, unit, above] = value ?? [null, feet ? "ft" : "m", "MSL"];
  return html`<fieldset class="position"><legend>${label}</legend><div class="fields">
    <${NumberField} label=${t("compose.height")} testId=${`field-${field.name}`} value=${height} isOptional=${!field.needed} placeholder="1200" onValue=${(/** @type {number | null} */ typed) => onValue(typed === null ? null : [Math.round(typed), unit, above])} />
    <${Choice} label=${t("unit.label")} testId=${`field-${field.name}-unit`} value=${unit} options=${[["m", t("unit.m_short")], ["ft", t("unit.ft_short")]]} onValue=${(/** @type {string} */ chosen) => onValue([height, chosen, above])} />
    <${Choice} label=${t("compose.above")} testId=${`field-${field.name}-above`} value=${above} options=${[["MSL", t("compose.above_sea")], ["W84", t("compose.above_ellipsoid")]]} onValue=${(/** @type {string} */ chosen) => onValue([height, unit, chosen])} />
  </div></fieldset>`;
}
