"""The watch in the console as a real node tells it: positions that are given, alerts, the past."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, expect

from keepclear.adapters import clock
from keepclear.core.times import rfc3339
from keepclear.node.policy import ConflictPolicy
from tests.e2e.catalogues import catalogue
from tests.e2e.console_page import LATER_S, ConsolePage, console_at
from tests.e2e.world import LAT, LNG, OTHER, OWN, away
from tests.served import ServedNode, served_node, settings_of

pytestmark = pytest.mark.slow

ENGLISH: Final = catalogue("en")
STEP_MS: Final = 1_000
SPEED_MPS: Final = 100.0
DEGREE_M: Final = 91_100.0
"""A degree of longitude at the latitude of the world, about."""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[ServedNode]:
    """Serve a node in real time, with whoever comes as its guest."""
    settings = settings_of(tmp_path, conflicts=ConflictPolicy.RECORD)
    watch = replace(settings.watch, recordings=tmp_path / "recordings")
    with served_node(
        tmp_path, settings=replace(settings, watch=watch), is_guest=True, clock=clock.now
    ) as served:
        served.declare([away()])
        yield served


class Sky:
    """Two aircraft that fly towards each other, given to a node as a program gives them."""

    def __init__(self, node: ServedNode) -> None:
        self._url = f"{node.url}/v1/tracks"
        self._token = node.token_file.read_text(encoding="utf-8").strip()
        self._began = clock.now()

    def give(self) -> None:
        """Give where both are now; they are 8 km apart in the beginning."""
        now = clock.now()
        gone_m = (now - self._began) / timedelta(seconds=1) * SPEED_MPS
        positions = [
            position("icao:4b1801", now, -4_000.0 + gone_m, 90.0, OWN),
            position("icao:7380c2", now, 4_000.0 - gone_m, 270.0, OTHER),
        ]
        request = urllib.request.Request(
            self._url,
            data=json.dumps({"positions": positions}).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["accepted"] == len(positions)


def position(track_id: str, now: Any, east_m: float, track_deg: float, party: str) -> dict[str, Any]:
    """Return a position so far east of the middle."""
    return {
        "id": track_id,
        "at": rfc3339(now),
        "lat": LAT,
        "lng": LNG + east_m / DEGREE_M,
        "altitude_m": 1_500.0,
        "ground_speed_mps": SPEED_MPS,
        "track_deg": track_deg,
        "party": party,
        "kind": "aeroplane",
    }


def while_flying(window: ConsolePage, sky: Sky, holds: Callable[[], bool], what: str) -> None:
    """Give positions once a second until something holds."""

    def flown() -> bool:
        sky.give()
        window.page.wait_for_timeout(STEP_MS)
        return holds()

    window.until(flown, what, LATER_S)


def test_two_that_fly_at_each_other_are_told_and_an_acknowledgement_reaches_the_node(
    node: ServedNode, browser: Browser
) -> None:
    sky = Sky(node)
    with console_at(browser, node.url) as window:
        window.part("tab-watch").click()
        call = window.page.locator('[data-testid="alert-call"]').filter(has_text="icao:7380c2")
        while_flying(window, sky, lambda: call.count() > 0, "the encounter is told")
        expect(call.first).to_contain_text("icao:4b1801")
        expect(window.part("watch-verdict")).to_have_attribute("data-state", "alerts")
        alert_id = call.first.get_attribute("data-id")
        call.first.get_by_test_id("acknowledge").click()
        card = window.page.locator(f'[data-testid="alert"][data-id="{alert_id}"]')
        expect(card.get_by_test_id("read").first).to_have_text(str(ENGLISH["alert.read"]))
        card.get_by_test_id("alert-item").click()
        card.get_by_test_id("history").click()
        expect(card.locator(".history")).to_contain_text(str(ENGLISH["change_of.acknowledged"]))


def test_a_node_without_feeds_and_positions_says_that_nothing_is_watched(
    node: ServedNode, browser: Browser
) -> None:
    with console_at(browser, node.url) as window:
        window.part("tab-watch").click()
        expect(window.part("watch-verdict")).to_have_attribute("data-state", "nothing")
        expect(window.part("no-feeds")).to_be_visible()


def test_what_was_seen_is_seen_again_in_a_replay(node: ServedNode, browser: Browser) -> None:
    sky = Sky(node)
    with console_at(browser, node.url) as window:
        call = window.part("alert-call")
        while_flying(window, sky, lambda: call.count() > 0, "the encounter is told")
        sky.give()
        window.page.wait_for_timeout(STEP_MS)
        window.part("tab-watch").click()
        window.part("replay-show").click()
        expect(window.part("replay-bar")).to_be_visible(timeout=LATER_S * 1000)
        window.part("step1").click()
        expect(window.part("replay-bar")).to_have_attribute("data-status", "known", timeout=LATER_S * 1000)
        window.part("back-to-live").click()
        expect(window.part("replay-bar")).to_have_count(0)
