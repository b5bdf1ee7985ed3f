/** Small signs that stand beside words, each of another shape, so that none is told by its colour alone. */

import { html } from "../preact.js";

/** In a box of 16 by 16; what is not filled is an outline. */
const SIGNS = {
  delivered: () => html`<path d="M1 3.5h14v9.5H1Z" /><path class="cut-out" d="M1.5 4 8 9.2 14.5 4" />`,
  seen: () => html`<path d="M.5 8C2.7 4.5 5.2 3 8 3s5.3 1.5 7.5 5c-2.2 3.5-4.7 5-7.5 5S2.7 11.5.5 8Z" /><circle class="cut-out" cx="8" cy="8" r="2.7" />`,
  answered: () => html`<path d="M1.5 2h13v9H8.5l-4 3.5V11h-3Z" />`,
  not: () => html`<path class="line" d="M4.5 8h7" />`,
  unknown: () => html`<path class="line" d="M5 6c0-4 6-4 6-.5C11 7.5 8 7.5 8 10" /><circle cx="8" cy="13" r="1.2" />`,
  coordinated: () => html`<circle class="line" cx="8" cy="8" r="6.5" /><circle cx="8" cy="8" r="3.5" />`,
  waiting: () => html`<path d="M3 1h10v1.5L9.2 8l3.8 5.5V15H3v-1.5L6.8 8 3 2.5Z" />`,
  conflicting: () => html`<path d="M8 .8 15.7 15H.3Z" /><path class="cut-out" d="M8 6v4M8 11.7v1.5" />`,
  contested: () => html`<path d="M0 8 5 3v3.5h2v3H5V13ZM16 8l-5-5v3.5H9v3h2V13Z" />`,
  over: () => html`<path class="line" d="M2 8h12" />`,
  up: () => html`<circle cx="8" cy="8" r="6" />`,
  late: () => html`<circle class="line" cx="8" cy="8" r="5.5" /><path class="line" d="M8 4.5V8l2.5 2" />`,
  cut: () => html`<path d="M2 2h12v12H2Z" /><path class="cut-out" d="M5 5l6 6M11 5l-6 6" />`,
  alarm: () => html`<path d="M5 .5h6L15.5 5v6L11 15.5H5L.5 11V5Z" /><path class="cut-out" d="M8 3.5v5M8 10.8v1.7" />`,
  degraded: () => html`<circle class="line" cx="8" cy="8" r="5.5" /><path d="M8 2.5v11a5.5 5.5 0 0 1 0-11Z" />`,
  exercise: () => html`<path class="line" d="M2 2h12v12H2Z" /><path d="M5.5 4.5h6v1.7h-4v1h3.4v1.6H7.5v1h4v1.7h-6Z" />`,
  key: () => html`<circle class="line" cx="5" cy="8" r="3.6" /><path class="line" d="M8.6 8H15v3M12 8v2.5" />`,
  sound: () => html`<path d="M1 5.5h3L8.5 2v12L4 10.5H1Z" /><path class="line" d="M10.5 5.5a3.6 3.6 0 0 1 0 5M12.5 3.5a6.4 6.4 0 0 1 0 9" />`,
  silent: () => html`<path d="M1 5.5h3L8.5 2v12L4 10.5H1Z" /><path class="line" d="M10.5 6l4.5 4M15 6l-4.5 4" />`,
  hold: () => html`<path d="M3 2h3.5v12H3ZM9.5 2H13v12H9.5Z" />`,
};

/** @typedef {keyof typeof SIGNS} IconName */

/** @param {{name: IconName}} props */
export function Icon({ name }) {
  return html`<svg class=${`icon icon-${name}`} viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">${SIGNS[name]()}</svg>`;
}
