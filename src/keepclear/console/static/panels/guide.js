/** The guide of a demonstration: what there is to see and to try, each step with a button that does it. */

import { html, useActions, useConsole, useSelected, useTexts } from "../preact.js";
import { isOwn } from "../state.js";

/** @typedef {import("../types.js").State} State */
/** @typedef {import("../actions/actions.js").Actions} Actions */

/**
 * What each step does for the reader; steps without anything to do have no button.
 * @type {[string, ((state: State, actions: Actions) => void) | null][]}
 */
const STEPS = [
  ["parties", null],
  ["conflict", (state, actions) => {
    const finding = ownConflict(state) ?? state.conflicts.answer?.findings[0];
    actions.openPanel("conflicts");
    if (finding !== undefined) actions.selectFinding(finding);
  }],
  ["changes", (state, actions) => {
    const finding = ownConflict(state);
    if (finding === undefined) return;
    actions.openPanel("conflicts");
    actions.selectFinding(finding);
    actions.offerChanges({ id: isOwn(state, finding.a) ? finding.a.id : finding.b.id });
  }],
  ["time", (_state, actions) => {
    actions.clearSelection();
    actions.stepTime(15);
    document.querySelector(".slider input")?.scrollIntoView({ block: "nearest" });
  }],
  ["draw", (_state, actions) => {
    actions.beginDraft();
    actions.draw("corridor");
  }],
  ["others", (state, actions) => {
    const other = [...state.records.values()].find(({ item }) => !isOwn(state, item) && item.kind === "operational_intent");
    if (other !== undefined) actions.selectItem(other.item.id);
  }],
  ["hotline", (_state, actions) => actions.openHotline()],
];

/** @param {State} state */
function ownConflict(state) {
  return state.conflicts.answer?.findings.find(({ verdict, a, b }) =>
    verdict === "conflict" && (isOwn(state, a) || isOwn(state, b)));
}

export function Guide() {
  const t = useTexts();
  const actions = useActions();
  const isOpen = useSelected((state) => state.isGuideOpen);
  const parties = useSelected((state) => state.parties);
  const own = useSelected((state) => state.session?.party ?? "");
  if (!isOpen) {
    return html`<aside class="guide closed" aria-label=${t("guide.title")}>
      <button type="button" aria-expanded="false" data-testid="guide-open" onClick=${actions.toggleGuide}>${t("guide.title")}</button></aside>`;
  }
  return html`<aside class="guide" data-testid="guide" aria-label=${t("guide.title")}>
    <h2>${t("guide.title")}
      <button type="button" class="quiet" aria-expanded="true" onClick=${actions.toggleGuide}>${t("action.close")}</button></h2>
    <p class="hint">${t("guide.intro")}</p>
    <ol>${STEPS.map(([name, act]) => html`<${Step} key=${name} name=${name} act=${act}
      inserts=${{ count: parties.length, party: own }} />`)}</ol>
  </aside>`;
}

/**
 * @param {{name: string, act: ((state: State, actions: Actions) => void) | null, inserts: Record<string, string | number>}} props
 */
function Step({ name, act, inserts }) {
  const t = useTexts();
  const { store, actions } = useConsole();
  return html`<li><h3>${t(`guide.${name}.title`, inserts)}</h3>
    <p>${t(`guide.${name}.text`, inserts)}</p>
    ${act !== null && html`<button type="button" data-testid=${`guide-${name}`} onClick=${() => act(store.state, actions)}>
      ${t("guide.show")}</button>`}</li>`;
}
