/** The mark of a party in a text, with its name for those who do not see it. */

import { letterDrop, looksOf, NO_PARTY } from "../parties.js";
import { html, useMemo, useSelected, useTexts } from "../preact.js";

const RADIUS = 7.5;

/** Return the function that tells how a party looks. */
export function useLooks() {
  const parties = useSelected((state) => state.parties);
  return useMemo(() => {
    const looks = looksOf(parties);
    return (/** @type {string | null | undefined} */ party) => looks.get(party ?? "") ?? NO_PARTY;
  }, [parties]);
}

/** @param {{party: string | null | undefined}} props */
export function PartyMark({ party }) {
  const t = useTexts();
  const look = useLooks()(party);
  const points = look.shape.map(([x, y]) => `${x * RADIUS},${y * RADIUS}`).join(" ");
  return html`<svg class="party-mark party-${look.colour}" width="20" height="20" viewBox="-11 -11 22 22"
      role="img" aria-label=${party ?? t("party.none")}>
    ${look.shape.length === 0 ? html`<circle r=${RADIUS} />` : html`<polygon points=${points} />`}
    <text y=${3.6 + letterDrop(look) * RADIUS}>${look.letter}</text>
  </svg>`;
}

/**
 * The mark and the name of a party.
 *
 * @param {{party: string | null | undefined}} props
 */
export function PartyName({ party }) {
  const t = useTexts();
  return html`<span class="party-name"><span aria-hidden="true"><${PartyMark} party=${party} /></span>
    <bdi>${party ?? t("party.none")}</bdi></span>`;
}
