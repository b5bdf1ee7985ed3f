/** Says aloud, and shows for a moment, what happened somewhere else on the page. */

import { html, useEffect, useSelected, useState } from "../preact.js";

const SHOWN_MS = 8000;

export function Announcer() {
  const message = useSelected((state) => state.message);
  const [hiddenNumber, hide] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => hide(message.number), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [message]);
  const text = message.number === hiddenNumber ? "" : message.text;
  return html`<div class="announcer" data-testid="announcer">
    <p role="status">${message.isUrgent ? "" : text}</p>
    <p role="alert">${message.isUrgent ? text : ""}</p>
  </div>`;
}
