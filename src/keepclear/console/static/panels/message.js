/** One message: its sentence, what became of it, what is due, and how it can be answered. */

import { html, useActions, useQuantities, useSaid, useSelected, useState, useTexts } from "../preact.js";
import { commandOf } from "../commands.js";
import { drawablePlace, typeOf, waitsFor } from "../hotline.js";
import { mayChange } from "../state.js";
import { msOf } from "../times.js";
import { Command, CommandHint } from "./command.js";
import { Icon } from "./icons.js";
import { PartyName } from "./party_mark.js";
import { Instant, No } from "./receipts.js";
import { Warnings } from "./warnings.js";

/** @typedef {import("../hotline_types.js").Message} Message */

/** What is to be known of when and how a message came. */
const MARKS = /** @type {const} */ (["late", "delayed", "expired", "by_voice"]);
const STATE_ICONS = /** @type {const} */ ({
  open: "waiting", standby: "late", timed_out: "alarm", closed: "answered", corrected: "over", lapsed: "over",
});

/** @param {{message: Message}} props */
export function MessageCard({ message }) {
  const t = useTexts();
  const said = useSaid();
  const own = useSelected((state) => state.session?.node.party ?? "");
  const { ref, number, to, code, priority, drill, texts, titles, person, sent_at, state, corrected_by, answers, corrects } = message;
  const isWaiting = waitsFor(message, own);
  const isCorrected = corrected_by !== null;
  const classes = ["message", priority, drill === null ? "" : "exercise", isWaiting ? "waiting" : "", isCorrected ? "corrected" : ""];
  return html`<li class=${classes.join(" ")} data-testid="message" data-number=${number} data-code=${code} data-state=${state ?? "none"}>
    <${MessageHead} by=${ref.party} to=${to} number=${number} priority=${priority} drill=${drill}>
      ${MARKS.filter((mark) => message[mark]).map((mark) => html`<span key=${mark} class=${`tag mark ${mark}`} data-testid="mark" data-mark=${mark}>${t(`message.${mark}`)}</span>`)}
      ${code === "free_text" && html`<span class="tag">${t("message.no_answer")}</span>`}<//>
    <p class="sentence" dir="auto" data-testid="sentence">${isCorrected ? html`<s>${said(texts)}</s>` : said(texts)}</p>
    <p class="dim message-meta"><span class="code-title">${said(titles)}</span> <code dir="ltr">${code}</code> <${Instant} at=${sent_at} />
      ${person !== null && html` <bdi>${person}</bdi>`}
      ${answers !== null && html` <span>${t("message.answers", { number: `${answers.party} ${answers.n}` })}</span>`}
      ${corrects !== null && html` <span>${t("message.corrects", { number: `${corrects.party} ${corrects.n}` })}</span>`}
      ${isCorrected && html` <span class="bad">${t("message.corrected_by", { number: `${corrected_by.party} ${corrected_by.n}` })}</span>`}</p>
    <${MessageReceipts} message=${message} />
    <${MessageState} message=${message} />
    <${Warnings} warnings=${message.warnings} />
    <${MessageActions} message=${message} isWaiting=${isWaiting} />
  </li>`;
}

/** Whether it is an exercise, who says it to whom, and how urgent it is. @param {{by: string, to: string, number: string, priority: Message["priority"], drill: string | null, children: unknown}} props */
export function MessageHead({ by, to, number, priority, drill, children }) {
  const t = useTexts();
  return html`${drill !== null && html`<p class="exercise-mark"><${Icon} name="exercise" /> ${t("message.exercise")} <bdi>${drill}</bdi></p>`}
    <div class="message-head">
      <span class="sides"><${PartyName} party=${by} /> <span aria-hidden="true" class="arrow"></span>
        <span class="visually-hidden">${t("message.to")}</span> <${PartyName} party=${to} /></span>
      <bdi class="id" dir="ltr">${number}</bdi>
      ${priority !== "routine" && html`<span class=${`tag priority ${priority}`}><${Icon} name=${priority === "distress" ? "alarm" : "conflicting"} /> ${t(`priority.${priority}`)}</span>`}
      ${children}
    </div>`;
}

/** @param {{message: Message}} props */
function MessageReceipts({ message: { delivered, delivered_at, seen, answer, state } }) {
  const t = useTexts();
  const catalogue = useSelected((whole) => whole.hotline.catalogue);
  const said = useSaid();
  const title = answer === null ? null : typeOf(catalogue, answer.code)?.titles;
  return html`<dl class="message-receipts" data-testid="message-receipts" data-delivered=${delivered} data-seen=${seen !== null} data-answered=${answer !== null}>
    <div><dt>${t("receipts.sign.delivered")}</dt><dd>${delivered ? html`<${Icon} name="delivered" /> ${delivered_at === null ? t("receipts.at_unknown_time") : html`<${Instant} at=${delivered_at} />`}` : html`<${No} />`}</dd></div>
    <div><dt>${t("receipts.sign.seen")}</dt><dd>${seen === null ? html`<${No} />` : html`<${Icon} name="seen" /> <${Instant} at=${seen.at} /> <bdi>${seen.person}</bdi>`}</dd></div>
    ${state !== null && html`<div><dt>${t("receipts.sign.answered")}</dt><dd>${answer === null ? html`<${No} />`
      : html`<${Icon} name="answered" /> <b data-testid="answer-title">${title ? said(title) : answer.code}</b> <${Instant} at=${answer.at} /> <bdi>${answer.person ?? ""}</bdi>`}</dd></div>`}
  </dl>`;
}

/** What became of it, which timer counts, and what the node did while nobody read it. @param {{message: Message}} props */
function MessageState({ message: { state, due, steps, stood_by, timed_out_at } }) {
  const t = useTexts();
  const catalogue = useSelected((whole) => whole.hotline.catalogue);
  const said = useSaid();
  const isDue = due.seen_at !== null || due.answered_at !== null;
  if (state === null && !isDue && steps.length === 0) return null;
  return html`<div class="message-state">
    ${state !== null && html`<span class=${`tag dialogue ${state}`} data-testid="dialogue" data-state=${state}><${Icon} name=${STATE_ICONS[state]} /> ${t(`dialogue.${state}`)}</span>`}
    ${due.seen_at !== null && html`<${Timer} name="seen" at=${due.seen_at} />`}
    ${due.answered_at !== null && html`<${Timer} name="answered" at=${due.answered_at} />`}
    ${stood_by !== null && html`<span class="dim">${t("message.stood_by")} <${Instant} at=${stood_by.at} /> <bdi>${stood_by.person ?? ""}</bdi></span>`}
    ${timed_out_at !== null && html`<span class="bad">${t("message.timed_out")} <${Instant} at=${timed_out_at} /></span>`}
    ${steps.length > 0 && html`<ol class="steps" data-testid="steps">${steps.map(({ step, called, at }, number) => html`<li key=${number}>
      <${Instant} at=${at} /> ${said(catalogue?.words.step?.[step]) || step} ${called !== null && html`<bdi>${called}</bdi>`}</li>`)}</ol>`}
  </div>`;
}

/** A time that counts down, and up once it is over; it never says that something happened. @param {{name: string, at: string}} props */
function Timer({ name, at }) {
  const t = useTexts();
  const quantities = useQuantities();
  const left_s = useSelected((state) => Math.round((msOf(at) - state.nowMs) / 1000));
  return html`<span class=${`timer ${left_s < 0 ? "bad" : ""}`} data-testid="timer" data-of=${name}>
    <${Icon} name="late" /> ${t(`message.due.${name}.${left_s < 0 ? "over" : "left"}`, { by: quantities.duration(Math.abs(left_s)) })}</span>`;
}

/** @param {{message: Message, isWaiting: boolean}} props */
function MessageActions({ message, isWaiting }) {
  const t = useTexts();
  const said = useSaid();
  const actions = useActions();
  const catalogue = useSelected((state) => state.hotline.catalogue);
  const isUnlocked = useSelected((state) => state.officer.status === "unlocked");
  const canChange = useSelected(mayChange);
  const [isUnable, setIsUnable] = useState(false);
  const { ours, seen, can_answer, corrected_by, ref, number, code } = message;
  const type = typeOf(catalogue, code);
  const place = type === null ? null : drawablePlace(message, type);
  const canCorrect = ours && corrected_by === null && type !== null && message.answers === null;
  const print = html`${place !== null && html`<button type="button" class="quiet" data-testid="show-place" onClick=${() => actions.showPlace(place)}>${t("message.show_place")}</button>`}
    <button type="button" class="quiet" data-testid="paper" onClick=${() => actions.openPaper(ref, number)}>${t("message.paper")}</button>`;
  if (!canChange || !isUnlocked) {
    if (canChange && isWaiting) return html`<p class="row"><button type="button" data-testid="unlock-here" onClick=${() => actions.openDialog("key")}><${Icon} name="key" /> ${t("key.to_answer")}</button> ${print}</p>
      <${MessageCommands} message=${message} />`;
    return html`<p class="row">${print}</p>`;
  }

  /** @param {string} answer */
  const choose = (answer) => (answer === "unable" ? setIsUnable(!isUnable) : actions.answer(message, answer));
  const reasons = Object.entries(catalogue?.words.reason ?? {});
  return html`<div class="row answers">
    ${can_answer.map((answer) => html`<button type="button" key=${answer} data-testid="answer" data-code=${answer}
      aria-expanded=${answer === "unable" ? isUnable : undefined} onClick=${() => choose(answer)}>${said(typeOf(catalogue, answer)?.titles) || answer}</button>`)}
    ${isWaiting && seen === null && html`<button type="button" class="quiet" data-testid="mark-seen" onClick=${() => actions.markSeen([message])}><${Icon} name="seen" /> ${t("message.mark_seen")}</button>`}
    ${canCorrect && html`<button type="button" class="quiet" data-testid="correct" onClick=${() => actions.correct(message)}>${t("message.correct")}</button>`}
    ${print}
    ${isUnable && html`<div class="reasons" role="group" aria-label=${t("message.unable_because")}><span class="dim">${t("message.unable_because")}</span>
      ${reasons.map(([reason, texts]) => html`<button type="button" key=${reason} data-testid="reason" data-reason=${reason}
        onClick=${() => { setIsUnable(false); actions.answer(message, "unable", { reason }); }}>${said(texts)}</button>`)}</div>`}
  </div>`;
}

/** The same in a terminal, for who unlocks no key in a browser. @param {{message: Message}} props */
function MessageCommands({ message: { number, seen, can_answer } }) {
  const t = useTexts();
  const said = useSaid();
  const catalogue = useSelected((state) => state.hotline.catalogue);
  const plain = can_answer.map((code) => typeOf(catalogue, code)).filter((type) => type?.fields.every(({ needed }) => !needed));
  return html`<details class="commands-more"><summary>${t("message.commands")}</summary><div class="commands"><${CommandHint} />
    ${seen === null && html`<${Command} command=${commandOf(["read"], [number])} label=${t("message.mark_seen")} />`}
    ${plain.map((type) => type && html`<${Command} key=${type.code} command=${commandOf(["answer"], [number, type.code])} label=${said(type.titles)} />`)}</div></details>`;
}
