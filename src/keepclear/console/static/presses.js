/**
 * A press counts for the button that it began on.
 *
 * Lists change while people press. Where the page moves a button away between down and up, the browser takes
 * the press for one of neither, and nothing happens. Here the button keeps the pointer until it is up.
 */

/** Whoever slides so far while pressing does not want the button; the browser then decides as ever. */
const SLIDE_PX = 10;

export function holdPresses() {
  /** @type {{button: HTMLButtonElement, x: number, y: number} | null} */
  let press = null;
  document.addEventListener("pointerdown", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const isHeld = event.button === 0 && event.pointerType !== "touch"; // a touch is held by the browser
    press = isHeld && button !== null ? { button, x: event.clientX, y: event.clientY } : null;
    press?.button.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (press === null || Math.hypot(event.clientX - press.x, event.clientY - press.y) <= SLIDE_PX) return;
    if (press.button.hasPointerCapture(event.pointerId)) press.button.releasePointerCapture(event.pointerId);
    press = null;
  });
}
