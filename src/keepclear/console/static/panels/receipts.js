/**
 * Who has an item, who has seen it, and who answered: three signs for each party, never one for all.
 *
 * Where nothing is known that is said in words: it never looks like "not seen", and still less like "seen".
 */

import { commandOf } from "../commands.js";
import { coordinatedOf } from "../coordination.js";
import { html, useQuantities, useSelected, useTexts } from "../preact.js";
import { isOwn } from "../state.js";
import { leftToRight } from "../texts.js";
import { instantText, msOf } from "../times.js";
import { Act, useIsUnlocked } from "./act.js";
import { Command, CommandHint } from "./command.js";
import { Icon } from "./icons.js";
import { PartyMark, PartyName } from "./party_mark.js";

/** @typedef {import("../types.js").Coordinated} Coordinated */
/** @typedef {import("../types.js").ItemRecord} ItemRecord */
/** @typedef {import("../types.js").Receipt} Receipt */
/** @typedef {import("../types.js").Said} Said */

/** Of more parties, those who have not seen it stand first, and the rest is counted. */
const ROW_MAX = 4;
const ANSWERS = ["objected", "proposed", "countered", "accepted", "declined"];

/**
 * Return how far an item is coordinated; null where it is not known, undefined where it is no question: on a
 * node without keys, and of what has ended, which the node does not list.
 *
 * @param {ItemRecord} record
 */
export function useCoordinated(record) {
  const status = useSelected((state) => state.coordination.status);
  const items = useSelected((state) => state.coordination.items);
  const own = useSelected((state) => state.session?.node.party ?? "");
  if (status === "absent") return undefined;
  return coordinatedOf(record, items, own) ?? (record.item.state === "Ended" ? undefined : null);
}

/**
 * How far an item is coordinated, as a word; what may be old is not told, since "coordinated" can end unheard.
 *
 * @param {{state: import("../types.js").CoordinationWord}} props
 */
export function CoordinationTag({ state }) {
  const t = useTexts();
  const isCurrent = useSelected(({ link, coordination }) => link === "live" && coordination.status === "known");
  if (!isCurrent) {
    return html`<span class="tag coordination stale" data-testid="coordination" data-state="stale">
      <${Icon} name="unknown" /> ${t("verdict.stale")}</span>`;
  }
  return html`<span class=${`tag coordination ${state}`} data-testid="coordination" data-state=${state}>
    <${Icon} name=${state} /> ${t(`coordination.${state}`)}</span>`;
}

/**
 * The word and the signs of an item in one line.
 *
 * @param {{coordinated: Coordinated | null}} props
 */
export function ReceiptsLine({ coordinated }) {
  const t = useTexts();
  if (coordinated === null) {
    return html`<span class="receipts dim" data-testid="receipts" data-state="unknown"><${Icon} name="unknown" /> ${t("receipts.unknown")}</span>`;
  }
  const concerned = coordinated.receipts.filter((receipt) => receipt.concerned);
  const ordered = concerned.length <= ROW_MAX ? concerned
    : [...concerned].sort((one, two) => Number(one.seen !== null) - Number(two.seen !== null));
  return html`<span class="receipts" data-testid="receipts" data-state="known">
    <${CoordinationTag} state=${coordinated.state} />
    ${ordered.slice(0, ROW_MAX).map((receipt) => html`<${Signs} key=${receipt.party} receipt=${receipt} />`)}
    ${ordered.length > ROW_MAX && html`<span class="dim">${t("list.more", { count: ordered.length - ROW_MAX })}</span>`}
  </span>`;
}

/** @param {{receipt: Receipt}} props */
function Signs({ receipt }) {
  const t = useTexts();
  const { party, delivered, seen, answered } = receipt;
  const words = [[delivered, "delivered"], [seen !== null, "seen"], [answered !== null, "answered"]]
    .map(([is, name]) => t(`receipts.${is ? "" : "not_"}${name}`)).join(", ");
  const label = `${leftToRight(party)}: ${words}`;
  return html`<span class="receipt" role="img" aria-label=${label} title=${label} data-party=${party}
      data-delivered=${delivered} data-seen=${seen !== null} data-answered=${answered !== null}>
    <span aria-hidden="true"><${PartyMark} party=${party} /></span>
    <${Icon} name=${delivered ? "delivered" : "not"} />
    <${Icon} name=${seen !== null ? "seen" : "not"} />
    <${Icon} name=${answered !== null ? "answered" : "not"} />
  </span>`;
}

/** What the signs mean, under a list of them. */
export function SignsLegend() {
  const t = useTexts();
  return html`<p class="hint signs-legend" aria-hidden="true">
    ${/** @type {const} */ (["delivered", "seen", "answered", "not"]).map((name) =>
      html`<span key=${name}><${Icon} name=${name} /> ${t(`receipts.sign.${name}`)}</span>`)}</p>`;
}

/**
 * All that is known of who has an item, with the times, and what may be said to it in a terminal.
 *
 * @param {{record: ItemRecord, coordinated: Coordinated | null}} props
 */
export function ReceiptsDetail({ record, coordinated }) {
  const t = useTexts();
  if (coordinated === null) {
    return html`<div class="verdict unknown" data-testid="receipts-detail" data-state="unknown"><strong>${t("receipts.unknown")}</strong>
      <p>${t("receipts.unknown_detail")}</p></div>`;
  }
  const { state, receipts } = coordinated;
  return html`<section class="receipts-detail" data-testid="receipts-detail" data-state="known" aria-label=${t("receipts.title")}>
    <p><${CoordinationTag} state=${state} /> <span class="hint">${t(`coordination.${state}.means`)}</span></p>
    ${receipts.length === 0 ? html`<p class="hint">${t("receipts.nobody")}</p>` : html`<table class="receipts-table">
      <caption class="visually-hidden">${t("receipts.title")}</caption>
      <thead><tr><th scope="col">${t("item.party")}</th>
        ${/** @type {const} */ (["delivered", "seen", "answered"]).map((name) =>
          html`<th key=${name} scope="col"><${Icon} name=${name} /> ${t(`receipts.sign.${name}`)}</th>`)}</tr></thead>
      <tbody>${receipts.map((receipt) => html`<${ReceiptRow} key=${receipt.party} receipt=${receipt} />`)}</tbody>
    </table>`}
    <${OfficersWords} record=${record} coordinated=${coordinated} />
  </section>`;
}

/** @param {{receipt: Receipt}} props */
function ReceiptRow({ receipt }) {
  const t = useTexts();
  const own = useSelected((state) => state.session?.node.party);
  const { party, concerned, delivered, delivered_at, seen, answered, since } = receipt;
  return html`<tr class=${concerned ? "" : "dim"} data-testid="receipt-row" data-party=${party}>
    <th scope="row"><${PartyName} party=${party} />${party === own && html` <span class="tag own">${t("legend.you")}</span>`}
      ${!concerned && html` <span class="tag">${t("receipts.not_concerned")}</span>`}</th>
    <td>${delivered ? html`<${Icon} name="delivered" /> ${delivered_at === null ? t("receipts.at_unknown_time") : html`<${Instant} at=${delivered_at} />`}`
      : html`<${No} />`}</td>
    <td>${seen !== null ? html`<${Icon} name="seen" /> <${SaidBy} said=${seen} />` : html`<${No} /> ${since !== null && html`<${Since} since=${since} />`}`}</td>
    <td>${answered !== null ? html`<${Icon} name="answered" /> <${SaidBy} said=${answered} />` : html`<${No} />`}</td>
  </tr>`;
}

/** That something was not done, as far as is known. */
export function No() {
  const t = useTexts();
  return html`<span class="no"><${Icon} name="not" /> ${t("receipts.no")}</span>`;
}

/** @param {{at: string}} props */
export function Instant({ at }) {
  const todayMs = useSelected((state) => Math.floor(state.nowMs / 86_400_000) * 86_400_000);
  return html`<time datetime=${at}>${leftToRight(instantText(msOf(at), todayMs))}</time>`;
}

/** @param {{said: Said}} props */
export function SaidBy({ said: { person, at, what } }) {
  const t = useTexts();
  return html`${what !== undefined && ANSWERS.includes(what) && html`<b>${t(`answered.${what}`)}</b> `}<${Instant} at=${at} /> <bdi>${person}</bdi>`;
}

/** @param {{since: string}} props */
function Since({ since }) {
  const t = useTexts();
  const quantities = useQuantities();
  const minutes = useSelected((state) => Math.max(0, Math.floor((state.nowMs - msOf(since)) / 60_000)));
  const age = quantities.duration(minutes * 60);
  return html`<span class="since">${t("receipts.for", { age })}</span>`;
}

/**
 * What officers of this party may say to an item of another.
 *
 * @param {{record: ItemRecord, coordinated: Coordinated}} props
 */
function OfficersWords({ record: { item }, coordinated: { ref, state, receipts } }) {
  const t = useTexts();
  const isUnlocked = useIsUnlocked();
  const isMine = useSelected((whole) => isOwn(whole, item));
  const own = useSelected((whole) => whole.session?.node.party);
  if (isMine || state === "over") return null;
  const receipt = receipts.find(({ party }) => party === own);
  if (receipt === undefined) return null;
  if (isUnlocked) {
    return html`<div class="row acts">
      ${receipt.seen === null && html`<${Act} asked=${{ kind: "acknowledge", items: [ref] }} label=${t("act.ack")} testId="act-ack" />`}
      <${Act} asked=${{ kind: "object", item: ref }} label=${t("act.object")} testId="act-object" reason="needed" /></div>`;
  }
  return html`<div class="commands">
    <${CommandHint} />
    ${receipt.seen === null && html`<${Command} command=${commandOf(["ack"], [item.id])} label=${t("command.ack")} />`}
    <${Command} command=${commandOf(["object"], [item.id])} label=${t("command.object")} hint=${t("command.reason")} />
  </div>`;
}
