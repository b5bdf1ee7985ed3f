/**
 * A press counts for the button that it began on.
 *
 * Lists change while people press. Where the page moves a button away between down and up, the browser takes
 * the press for one of neither, and nothing happens. Here the button keeps the pointer until it is up.
 */

/** Whoever slides so far while pressing does not want the button; the browser then decides as ever. */
const SLIDE_PX = 10;

export function holdPresses() {
  let x = 0;
  let y = 0;
  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return; // a touch is held by the browser
    const button = /** @type {Element} */ (event.target).closest("button");
    button?.setPointerCapture(event.pointerId);
    [x, y] = [event.clientX, event.clientY];
  });
  document.addEventListener("pointermove", (event) => {
    const target = /** @type {Element} */ (event.target);
    const slid_px = Math.hypot(event.clientX - x, event.clientY - y);
    if (slid_px > SLIDE_PX && target.hasPointerCapture(event.pointerId)) target.releasePointerCapture(event.pointerId);
  });
}
