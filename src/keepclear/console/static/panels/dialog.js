/** A dialog over the page. The browser's own element keeps the focus inside and closes on Escape. */

import { html, useEffect, useRef } from "../preact.js";

/** @param {{isOpen: boolean, onClose: () => void, title: string, children?: unknown}} props */
export function Dialog({ isOpen, onClose, title, children }) {
  const element = /** @type {{current: HTMLDialogElement | null}} */ (useRef(null));
  useEffect(() => {
    if (isOpen) element.current?.showModal();
    else element.current?.close();
  }, [isOpen]);
  return html`<dialog ref=${element} onClose=${onClose} aria-label=${title}>
    ${isOpen && html`<h2>${title}</h2>${children}`}</dialog>`;
}
