"""The demonstration as a newcomer meets it, and the picture of it that the README shows.

`KEEPCLEAR_PICTURE=docs/images/demo.png python -m pytest tests/e2e/test_demo.py -k conflicts` makes the
picture anew, `KEEPCLEAR_PICTURE=docs/images/watch.png ... -k wildfire` the one of the watch.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, expect

from keepclear.testing.worlds.demo import OWN_PARTY, PARTIES
from tests.e2e.catalogues import catalogue
from tests.e2e.console_page import ConsolePage, console_at

pytestmark = pytest.mark.slow

READY_S: Final = 60.0
"""So long it may take at most; a machine that is busy with other tests takes longer than a free one."""
PICTURE: Final = "KEEPCLEAR_PICTURE"
"""Names the file that the picture is written into."""
_COLOURS: Final = """async (data) => {
  const image = new Image();
  image.src = data;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return new Set(new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer)).size;
}"""


@contextmanager
def demonstration(*options: str) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
    """Run the demonstration; give the URLs of its consoles, in the order of the parties, and its process."""
    command = [sys.executable, "-W", "error", "-m", "keepclear.cli", "demo", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(READY_S, process.kill)
        watchdog.start()
        try:
            assert process.stderr is not None
            told = ""
            for line in process.stderr:
                told += line
                urls = re.findall(r"http://127\.0\.0\.1:\d+", told)
                if len(urls) == len(PARTIES):
                    watchdog.cancel()
                    yield urls, process
                    break
            else:
                raise AssertionError(f"it is not there within {READY_S} s: {told}")
        finally:
            watchdog.cancel()
            process.kill()  # if it has not ended


def colours(browser: Browser, picture: bytes) -> int:
    """Count the colours of a picture."""
    page = browser.new_page()
    try:
        data = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        count: int = page.evaluate(_COLOURS, data)
        return count
    finally:
        page.close()


def expect_at_work(window: ConsolePage) -> None:
    """Wait until conflicts, items and tracks are there."""
    window.verdict("conflict")
    window.link("live")
    expect(window.page.locator(".link")).not_to_contain_text(re.compile(r"\W0\W* tracks"))
    window.rested_ink_of_items()


def test_the_demonstration_shows_conflicts_and_tracks_and_ends_when_told(
    browser: Browser, tmp_path: Path
) -> None:
    with demonstration() as (urls, process), console_at(browser, urls[0]) as window:
        expect_at_work(window)
        window.conflicts().first.click()
        expect(window.conflicts().first).to_have_attribute("aria-expanded", "true")
        body = window.page.locator("body")
        for text in ("app.demonstration", "verdict.conflict", "guide.title", "conflicts.title"):
            expect(body).to_contain_text(str(catalogue("en")[text]))
        for party in PARTIES:
            expect(window.page.locator(".legend")).to_contain_text(party)
        expect(window.page.locator(".who")).to_contain_text(OWN_PARTY)

        # The picture shows a conflict in the middle of the world, and what would clear it.
        window.conflicts().filter(has_text="relief-drop-1").first.click()
        window.part("offer-changes").first.click()
        window.part("change-option").first.hover()
        window.rested_ink_of_items()
        file = Path(os.environ.get(PICTURE) or tmp_path / "demo.png")
        picture = window.page.screenshot(path=file)
        assert len(picture) > 100_000
        assert colours(browser, picture) > 500

        # The consoles of the others are beside it in the same browser, each signed in for its own party.
        for party, url in zip(PARTIES, urls, strict=True):
            beside = window.page.context.new_page()
            beside.goto(url)
            expect(beside.locator(".who")).to_contain_text(party)
        assert window.page.evaluate("async () => (await fetch('/v1/session')).status") == 200

        process.send_signal(signal.SIGTERM)
        assert process.wait(READY_S) == 0
        expect(window.part("banner")).to_be_visible()


def test_the_wildfire_world_shows_an_encounter_an_excursion_and_a_track_that_nobody_declared(
    browser: Browser, tmp_path: Path
) -> None:
    with demonstration("--world", "wildfire") as (urls, process), console_at(browser, urls[0]) as window:
        window.link("live")
        window.page.get_by_role("tab", name=re.compile(str(catalogue("en")["panel.watch"]))).click()
        alerts = window.part("alert-list")
        for kind in ("undeclared", "excursion", "encounter"):
            expect(alerts).to_contain_text(
                str(catalogue("en")[f"alert.kind.{kind}"]), timeout=READY_S * 1_000
            )
        encounter = alerts.get_by_role("listitem").filter(
            has_text=str(catalogue("en")["alert.kind.encounter"])
        )
        encounter.first.get_by_role("button").first.click()
        window.rested_ink_of_items()
        file = Path(os.environ.get(PICTURE) or tmp_path / "watch.png")
        picture = window.page.screenshot(path=file)
        assert colours(browser, picture) > 300
        process.send_signal(signal.SIGTERM)
        assert process.wait(READY_S) == 0
