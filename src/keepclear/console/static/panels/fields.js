/**
 * Fields for numbers and instants. Each keeps the text while it is typed, and gives on only values that
 * can be read; a text that cannot is marked, and never silently taken for another value.
 */

import { html, useLayoutEffect, useRef, useState, useTexts } from "../preact.js";
import { fieldText, msOfField } from "../times.js";

/**
 * @typedef {object} FieldProps
 * @property {string} label
 * @property {number | null} value
 * @property {(value: number | null) => void} onValue
 * @property {boolean} [isOptional]  an empty field is null
 * @property {boolean} [isLabelHidden]  in a table, whose head tells it to those who see
 * @property {string} [placeholder]
 * @property {string} [testId]
 */

/**
 * @param {FieldProps & {digits?: number}} props
 */
export function NumberField({ digits = 0, ...props }) {
  const text = (/** @type {number} */ value) => String(Number(value.toFixed(digits)));
  /** @param {string} typed */
  const read = (typed) => (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(typed) ? Number(typed) : null);
  return html`<${TextField} ...${props} text=${text} read=${read} inputMode="decimal" error="field.not_a_number" />`;
}

/** @param {FieldProps} props */
export function TimeField(props) {
  return html`<${TextField} ...${props} text=${fieldText} read=${msOfField} inputMode="text" error="field.not_a_time" />`;
}

/**
 * @param {FieldProps & {text: (value: number) => string, read: (typed: string) => number | null,
 *   inputMode: string, error: string}} props
 */
function TextField({ label, value, onValue, isOptional = false, isLabelHidden = false, placeholder, testId, text, read, inputMode, error }) {
  const t = useTexts();
  const written = value === null ? "" : text(value);
  const [typed, setTyped] = useState(written);
  const [isWrong, setIsWrong] = useState(false);
  const given = useRef(written);
  // Not an effect after painting: one that is late would put an older value over what was typed since.
  useLayoutEffect(() => {
    // the value changed elsewhere: on the map, or with the unit
    if (written === given.current) return;
    given.current = written;
    setTyped(written);
    setIsWrong(false);
  }, [written]);

  /** @param {string} next */
  function type(next) {
    setTyped(next);
    const trimmed = next.trim();
    const isEmpty = trimmed === "";
    const number = isEmpty ? null : read(trimmed);
    const isReadable = isEmpty ? isOptional : number !== null;
    setIsWrong(!isReadable);
    if (!isReadable) return;
    given.current = number === null ? "" : text(number);
    onValue(number);
  }

  return html`<label class="field">
    <span class=${isLabelHidden ? "visually-hidden" : "field-name"}>${label}</span>
    <input type="text" dir="ltr" inputmode=${inputMode} value=${typed} data-testid=${testId} autocomplete="off"
      aria-invalid=${isWrong} placeholder=${placeholder ?? (isOptional ? t("field.unbounded") : undefined)}
      onInput=${(/** @type {any} */ event) => type(event.target.value)} />
    ${isWrong && html`<span class="problem" role="alert">${t(error)}</span>`}
  </label>`;
}
