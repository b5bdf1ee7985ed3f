/** The past as it was known then: the choice of a moment, and the bar and the frame that say that this is not now. */

import { html, useActions, useEffect, useSelected, useState, useTexts } from "../preact.js";
import { nearestMs } from "../replayed.js";
import { leftToRight } from "../texts.js";
import { clockText, dayText, fieldText, msOf } from "../times.js";
import { momentOf } from "../watch.js";
import { TimeField } from "./fields.js";
import { Icon } from "./icons.js";

const STEPS_S = [-10, -1, 1, 10];
const SPEEDS = [1, 5, 20];
const BACK_MS = 60_000;

/** Choose a moment of what is recorded. */
export function ReplayControls() {
  const t = useTexts();
  const actions = useActions();
  const { spans, spansError, replay } = useSelected((state) => state.watch);
  const nowMs = useSelected((state) => Math.floor(state.nowMs / 1000) * 1000);
  const [chosenMs, setChosenMs] = useState(/** @type {number | null} */ (null));
  useEffect(() => {
    actions.replay().then(({ loadSpans }) => loadSpans(), () => undefined);
  }, [actions]);
  const first = spans?.[0];
  const last = spans?.at(-1);
  const atMs = chosenMs ?? nearestMs(nowMs - BACK_MS, spans ?? []);
  /** @param {Event} event */
  function show(event) {
    event.preventDefault();
    if (atMs !== null) actions.replay().then(({ goTo }) => goTo(atMs));
  }
  return html`<section aria-label=${t("replay.title")} data-testid="replay"><h2>${t("replay.title")}</h2>
    ${spansError !== "" && html`<p class="problem" role="alert">${t("replay.no_list", { reason: spansError })}</p>`}
    ${spans === null && spansError === "" && html`<p role="status">${t("later.loading")}</p>`}
    ${spans !== null && (first === undefined || last === undefined ? html`<p class="hint" data-testid="nothing-recorded">${t("replay.nothing")}</p>` : html`
      <p class="hint">${t("replay.recorded", { from: instant(first.start), until: instant(last.end) })}</p>
      <form class="had" onSubmit=${show}>
        <${TimeField} label=${t("replay.at")} testId="replay-at" value=${chosenMs} isOptional placeholder=${atMs === null ? "" : fieldText(atMs)} onValue=${setChosenMs} />
        <button type="submit" class="primary" data-testid="replay-show" disabled=${atMs === null}>${t("replay.show")}</button></form>`)}
    ${replay?.status === "failed" && html`<p class="problem" role="alert" data-testid="replay-failed">${t("replay.failed", { reason: replay.error })}</p>`}
  </section>`;
}

/** Stands over the page, and its frame round it, while the map shows the past. */
export function ReplayBar() {
  const t = useTexts();
  const actions = useActions();
  const watch = useSelected((state) => state.watch);
  const moment = momentOf(watch);
  const { replay } = watch;
  if (moment === null || replay === null) return null;
  const time = leftToRight(`${dayText(msOf(moment.at))} ${clockText(msOf(moment.at), { seconds: true })}`);
  const use = (/** @type {(replay: Awaited<ReturnType<typeof actions.replay>>) => void} */ act) => () => actions.replay().then(act);
  return html`<div class="banner replay" data-testid="replay-bar" data-at=${moment.at} data-status=${replay.status}>
      <strong role="status"><${Icon} name="late" /> ${t("replay.of", { time })}</strong>
      <span class="row" dir="ltr" role="group" aria-label=${t("replay.steps")}>
        ${STEPS_S.map((step) => html`<button type="button" key=${step} data-testid=${`step${step}`} onClick=${use((each) => each.step(step))}>${step > 0 ? "+" : "−"}${Math.abs(step)} s</button>`)}</span>
      <span class="row" dir="ltr" role="group" aria-label=${t("replay.speed")}>
        ${SPEEDS.map((speed) => html`<button type="button" key=${speed} data-testid=${`play-${speed}`} aria-pressed=${replay.speed === speed}
          onClick=${use((each) => each.setSpeed(replay.speed === speed ? 0 : speed))}>${replay.speed === speed ? "❚❚" : "▶"} ×${speed}<span class="visually-hidden"> ${t(replay.speed === speed ? "replay.pause" : "replay.play")}</span></button>`)}</span>
      ${replay.status === "asking" && html`<span>${t("later.loading")}</span>`}
      ${replay.status === "failed" && html`<span role="alert">${t("replay.failed", { reason: replay.error })}</span>`}
      <button type="button" class="back" data-testid="back-to-live" onClick=${use((each) => each.leave())}>${t("replay.leave")}</button>
      <span>${t("replay.what")}</span></div>
    <div class="replay-frame" aria-hidden="true"></div>`;
}

/** @param {string} rfc3339 */
function instant(rfc3339) {
  return leftToRight(`${dayText(msOf(rfc3339))} ${clockText(msOf(rfc3339), { seconds: true })}`);
}
