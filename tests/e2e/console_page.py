"""The console in a window of a browser, and what the window saw: requests, faults, graphics contexts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, expect

WAIT_S: Final = 15.0
"""So long anything may take to be seen."""
LATER_S: Final = 30.0
"""So long a line that is mended may take to be noticed: a browser waits between its trials."""
TABS_MAX: Final = 250
"""No control is farther away than so many presses of Tab."""
SIZE: Final = (1440, 900)
# Runs before the page: what the page asks of canvases, and what its policy stopped.
_WITNESS: Final = """
window.witness = { contexts: [], violations: [] };
for (const kind of [HTMLCanvasElement, OffscreenCanvas]) {
  const get = kind.prototype.getContext;
  kind.prototype.getContext = function (name, ...rest) {
    window.witness.contexts.push(name);
    return get.call(this, name, ...rest);
  };
}
document.addEventListener("securitypolicyviolation", (event) =>
  window.witness.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""
_INK: Final = """() => [...document.querySelectorAll("#map .map-canvas")].map((canvas) => {
  if (canvas.width === 0 || canvas.height === 0) return 0;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let k = 3; k < data.length; k += 4) sum += data[k];
  return sum;
})"""


@dataclass(kw_only=True)
class ConsolePage:
    """A window with the console.

    Attributes:
        page: It.
        url: The node's origin.
        requests: The URLs that it asked for.
        faults: What went wrong in it: uncaught errors, and what its policy stopped.
    """

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def part(self, test_id: str) -> Locator:
        """Return a part of the page."""
        return self.page.get_by_test_id(test_id)

    def verdict(self, state: str, wait_s: float = WAIT_S) -> None:
        """Wait until the list of conflicts says so."""
        expect(self.part("verdict")).to_have_attribute("data-state", state, timeout=wait_s * 1000)

    def link(self, state: str, wait_s: float = WAIT_S) -> None:
        """Wait until the connection is so."""
        expect(self.part("link-state")).to_have_attribute("data-state", state, timeout=wait_s * 1000)

    def draft_check(self, state: str) -> None:
        """Wait until the node has judged the draft so."""
        expect(self.part("draft-check")).to_have_attribute("data-state", state, timeout=WAIT_S * 1000)

    def conflicts(self) -> Locator:
        """Return the entries of the list of conflicts."""
        return self.part("conflict-item")

    def row(self, item_id: str) -> Locator:
        """Return the row of an item in the list of items."""
        return self.page.locator(f'[data-testid="item-row"][data-id="{item_id}"]')

    def ink(self) -> list[int]:
        """Tell how much is drawn on each canvas of the map that draws items, tracks or marks."""
        drawn: list[int] = self.page.evaluate(_INK)
        return drawn

    def until(self, holds: Callable[[], bool], what: str, wait_s: float = WAIT_S) -> None:
        """Wait until something holds, looking at it again and again."""
        deadline = time.monotonic() + wait_s
        while not holds():
            assert time.monotonic() < deadline, f"not within {wait_s} s: {what}"
            self.page.wait_for_timeout(50)

    def rested_ink(self) -> list[int]:
        """Return the ink once two looks at it agree: the map has come to rest."""
        return self._rested(self.ink)

    def rested_ink_of_items(self) -> list[int]:
        """Return the ink of the items, the first canvas of the map, at rest; tracks above may move."""
        return self._rested(lambda: self.ink()[:1])

    def _rested(self, look: Callable[[], list[int]]) -> list[int]:
        seen = [look()]

        def is_at_rest() -> bool:
            seen.append(look())
            return seen[-1] == seen[-2] and sum(seen[-1]) > 0

        self.until(is_at_rest, "the map is at rest")
        return seen[-1]

    # -- by keys alone ------------------------------------------------------------------------------

    def tab_to(self, test_id: str, **attributes: str) -> None:
        """Press Tab until a part of the page has the focus."""
        wanted = {"data-testid": test_id, **attributes}
        for _ in range(TABS_MAX):
            if self.has_focus(wanted):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{wanted} cannot be reached by Tab")

    def has_focus(self, wanted: Mapping[str, str]) -> bool:
        """Tell whether what has the focus has these attributes."""
        look = """(wanted) => Object.entries(wanted).every(([name, value]) =>
            document.activeElement?.getAttribute(name) === value)"""
        return bool(self.page.evaluate(look, dict(wanted)))

    def type_over(self, text: str) -> None:
        """Put a text in the place of what the field with the focus holds."""
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    # -- what the window saw ------------------------------------------------------------------------

    def witness(self) -> dict[str, list[str]]:
        """Return the kinds of graphics context that were asked for, and what the policy stopped."""
        seen: dict[str, list[str]] = self.page.evaluate("() => window.witness")
        return seen

    def check_faultless(self) -> None:
        """Fail if the window asked anything of another host, or met a fault."""
        assert self.faults == []
        assert [url for url in self.requests if not url.startswith((f"{self.url}/", "data:", "blob:"))] == []
        seen = self.witness()
        assert seen["violations"] == []
        assert set(seen["contexts"]) <= {"2d"}


@contextmanager
def console_at(
    browser: Browser,
    url: str,
    *,
    language: str = "en",
    is_calm: bool = True,
    prepare: Callable[[BrowserContext], Any] | None = None,
) -> Iterator[ConsolePage]:
    """Open the console of a node in a window with no cookies, and check at the end what the window saw.

    Args:
        browser: The browser.
        url: The node's origin.
        language: The language of the browser.
        is_calm: Whether the reader wants no motion, so that the map jumps to where it goes.
        prepare: Does something to the context before the page is opened.
    """
    context = browser.new_context(
        locale=language,
        viewport={"width": SIZE[0], "height": SIZE[1]},
        reduced_motion="reduce" if is_calm else "no-preference",
    )
    context.set_default_timeout(WAIT_S * 1000)
    context.add_init_script(_WITNESS)
    if prepare is not None:
        prepare(context)
    page = context.new_page()
    window = ConsolePage(page=page, url=url)

    def asked(request: Request) -> None:
        window.requests.append(request.url)

    page.on("request", asked)
    page.on("pageerror", lambda error: window.faults.append(f"uncaught: {error}"))
    page.on("console", lambda said: _policy_faults(window.faults, said.text))
    try:
        page.goto(url)
        yield window
        window.check_faultless()
    finally:
        context.close()


def _policy_faults(faults: list[str], text: str) -> None:
    if "Content Security Policy" in text or "Refused to" in text:
        faults.append(text)
