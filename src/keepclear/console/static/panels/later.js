/** Parts of the page that are loaded after the first picture: soon, or at once where somebody wants to see them. */

import { html, useEffect, useState, useTexts } from "../preact.js";

/** @type {(() => Promise<unknown>)[]} */
const waiting = [];

/**
 * Return a panel that is loaded when it is shown first; until then it says so, and if it cannot be loaded, too.
 *
 * @param {() => Promise<any>} load  brings the panel itself
 */
export function later(load) {
  /** @type {any} */
  let Part = null;
  /** @type {Promise<void> | null} */
  let loading = null;
  const bring = () => {
    loading ??= load().then((part) => {
      Part = part;
    }).catch((error) => {
      loading = null; // the node did not answer: the next trial asks again
      throw error;
    });
    return loading;
  };
  waiting.push(bring);

  /** @param {{isWanted?: boolean} & Record<string, unknown>} props */
  return function Later({ isWanted = true, ...props }) {
    const t = useTexts();
    const [trial, setTrial] = useState({ number: 0, isFailed: false });
    useEffect(() => {
      if (Part !== null || !isWanted) return undefined;
      let isGone = false;
      const tell = (/** @type {boolean} */ isFailed) => !isGone && setTrial(({ number }) => ({ number, isFailed }));
      bring().then(() => tell(false), () => tell(true));
      return () => {
        isGone = true;
      };
    }, [trial.number, isWanted]);
    if (Part !== null) return html`<${Part} ...${props} />`;
    if (!isWanted) return null;
    if (!trial.isFailed) return html`<p role="status">${t("later.loading")}</p>`;
    return html`<div class="verdict unknown" data-testid="not-loaded"><strong role="alert">${t("later.failed")}</strong>
      <button type="button" onClick=${() => setTrial(({ number }) => ({ number: number + 1, isFailed: false }))}>${t("action.retry")}</button></div>`;
  };
}

/** Load what was not shown yet, one after the other, so that it is there when the node is not. */
export async function loadLater() {
  for (const bring of waiting) await bring().catch(() => undefined);
}
