/** One conflict or notice in words: who, from when, for how long, how wide and how deep, where. */

import { html, useActions, useEffect, useQuantities, useRef, useSelected, useTexts } from "../preact.js";
import { itemOf } from "../drafts.js";
import { kindKey, windowOf } from "../items.js";
import { placeText } from "../quantities.js";
import { isOwn, mayChange } from "../state.js";
import { instantText, msOf } from "../times.js";
import { leftToRight } from "../texts.js";
import { Changes } from "./changes.js";
import { Negotiations } from "./negotiations.js";
import { PartyMark } from "./party_mark.js";

/** @typedef {import("../types.js").Finding} Finding */
/** @typedef {import("../types.js").Side} Side */

/**
 * @param {{finding: Finding, number: number, isSelected: boolean, isReachable?: boolean}} props
 */
export function FindingCard({ finding, number, isSelected, isReachable }) {
  const t = useTexts();
  const actions = useActions();
  const button = /** @type {{current: HTMLButtonElement | null}} */ (useRef(null));
  useEffect(() => {
    // chosen on the map or by a key: bring it into view
    if (isSelected) button.current?.scrollIntoView({ block: "nearest" });
  }, [isSelected]);
  const { verdict } = finding;
  return html`<li class=${`finding ${verdict} ${isSelected ? "selected" : ""}`}>
    <button type="button" class="finding-head" ref=${button} data-entry data-testid="conflict-item"
      data-verdict=${verdict} aria-expanded=${isSelected} tabindex=${isSelected || isReachable ? 0 : -1}
      onClick=${() => actions.selectFinding(finding)}>
      <span class="finding-number">${number}</span>
      <span class="finding-verdict">${t(`verdict.${verdict}`)}</span>
      <${FindingSides} finding=${finding} />
    </button>
    <${FindingCells} finding=${finding} isWhole=${isSelected} />
    ${isSelected && html`<${OwnChanges} finding=${finding} /><${Negotiations} finding=${finding} />`}
  </li>`;
}

/** @param {{finding: Finding}} props */
export function FindingSides({ finding: { verdict, a, b } }) {
  const t = useTexts();
  const [first, second] = a.kind === "constraint" ? [b, a] : [a, b]; // an operation enters a zone
  return html`<span class="sides">
    <${SideName} side=${first} />
    <span class="dim">${t(verdict === "conflict" ? "finding.with" : "finding.enters")}</span>
    <${SideName} side=${second} />
  </span>`;
}

/** @param {{side: Side}} props */
function SideName({ side }) {
  const t = useTexts();
  const isMine = useSelected((state) => isOwn(state, side));
  return html`<span class="side-name"><${PartyMark} party=${side.party} /> <bdi class="id">${side.id}</bdi>
    ${isMine && html` <span class="tag own">${t("item.yours")}</span>`}</span>`;
}

/**
 * The explanation as labelled cells: a sentence of numbers would be put in another order by an Arabic
 * page, and mean something else.
 *
 * @param {{finding: Finding, isWhole: boolean}} props
 */
export function FindingCells({ finding, isWhole }) {
  const t = useTexts();
  const quantities = useQuantities();
  const records = useSelected((state) => state.records);
  const nowDay = useSelected((state) => Math.floor(state.nowMs / 86_400_000));
  const draft = useSelected((state) => state.draft);
  const party = useSelected((state) => state.session?.party ?? "");
  const { witness } = finding;
  const held = (/** @type {string} */ id) =>
    (draft !== null && draft.id.trim() === id ? itemOf(draft, party) : records.get(id)?.item);
  const window = windowOf(finding, held);
  const instant = (/** @type {number} */ ms) => leftToRight(instantText(ms, nowDay * 86_400_000));
  const isTouching = witness.lateral_overlap_m <= 0;
  /** @type {[string, string][]} */
  const cells = [
    window === null
      ? [t("finding.at"), instant(msOf(witness.time))]
      : [t("finding.from"), instant(window.startMs)],
    [t("finding.for"), quantities.duration(window === null ? witness.time_overlap_s : (window.endMs - window.startMs) / 1000)],
    isTouching && witness.lateral_gap_m > 0
      ? [t("finding.lateral_gap"), quantities.length(witness.lateral_gap_m)]
      : [t("finding.wide"), quantities.length(witness.lateral_overlap_m)],
    witness.vertical_gap_m > 0
      ? [t("finding.vertical_gap"), quantities.height(witness.vertical_gap_m)]
      : [t("finding.deep"), quantities.height(witness.vertical_overlap_m)],
  ];
  if (isWhole) {
    cells.push(
      [t("finding.where"), placeText(witness)],
      [t("finding.height"), quantities.height(witness.altitude_m)],
      ...[finding.a, finding.b].map((side) => /** @type {[string, string]} */ (
        [side.id, `${t(kindKey({ kind: side.kind, rule: held(side.id)?.rule ?? "constraint" }))}, ${t("finding.volume", { number: side.volume + 1 })}`])),
    );
  }
  return html`<dl class="cells">${cells.map(([name, value]) =>
    html`<div key=${name}><dt><bdi>${name}</bdi></dt><dd>${value}</dd></div>`)}</dl>`;
}

/**
 * The changes that one may make oneself, or why there are none.
 *
 * @param {{finding: Finding}} props
 */
function OwnChanges({ finding }) {
  const t = useTexts();
  const actions = useActions();
  const resolution = useSelected((state) => state.resolution);
  const canChange = useSelected(mayChange);
  const own = useSelected((state) => state.session?.party ?? "");
  const sides = [finding.a, finding.b].filter(({ party }) => party === own);
  if (finding.verdict === "notice_required") return html`<p class="hint">${t("finding.notice_hint")}</p>`;
  if (sides.length === 0) return html`<p class="hint">${t("finding.not_yours")}</p>`;
  if (!canChange) return html`<p class="hint">${t("item.viewer")}</p>`;
  return sides.map(({ id }) => html`<div key=${id} class="own-changes">
    <button type="button" class="primary" data-testid="offer-changes" disabled=${resolution?.status === "loading"}
      onClick=${() => actions.offerChanges({ id })}>${t("changes.offer", { id })}</button>
    ${resolution !== null && resolution.id === id && html`<${Changes} resolution=${resolution} />`}
  </div>`);
}
