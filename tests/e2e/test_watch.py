"""The watch in the console: alerts, what cannot be judged, feeds, tracks and the past.

What is told comes from the test, so that each state is there at once; what a real node tells is looked at in
`test_watch_served`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.catalogues import LANGUAGES, catalogue
from tests.e2e.console_page import LATER_S, ConsolePage
from tests.e2e.test_console import THEMES, axe_faults, raw_texts
from tests.e2e.told import (
    OURS,
    STRANGER,
    THEIRS,
    ToldNode,
    alert,
    detail,
    encounter,
    excursion,
    feed,
    moment,
    sky,
    spans,
    state,
    told_console,
    track,
)
from tests.e2e.world import OTHER, OWN, everything

pytestmark = pytest.mark.slow

ENGLISH: Final = catalogue("en")
SLOW_MOMENTS: Final = """
window.most = 0;
let now = 0;
const before = window.fetch;
window.fetch = async (url, ...rest) => {
  if (!String(url).startsWith("/v1/moments")) return before(url, ...rest);
  now += 1;
  window.most = Math.max(window.most, now);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return before(url, ...rest).finally(() => { now -= 1; });
};
"""


@pytest.fixture
def node() -> ToldNode:
    """Return a node that sees a small sky, in which an encounter and an excursion are told."""
    told = ToldNode(everything())
    told.tell_tracks(sky(told))
    told.tell_alerts([encounter(told), excursion(told)])
    told.tell_watch(state(told))
    return told


def words(key: str, **inserts: str) -> str:
    """Return an English text as it is seen."""
    text = str(ENGLISH[key])
    for name, insert in inserts.items():
        text = text.replace(f"{{{name}}}", insert)
    return text


def verdict(window: ConsolePage, expected: str) -> None:
    """Wait until the panel says what its list means."""
    expect(window.part("watch-verdict")).to_have_attribute("data-state", expected)


def card(window: ConsolePage, alert_id: str) -> Any:
    """Return an alert in the list."""
    return window.page.locator(f'[data-testid="alert"][data-id="{alert_id}"]')


def call(window: ConsolePage, alert_id: str) -> Any:
    """Return the line of an alert above all panels."""
    return window.page.locator(f'[data-testid="alert-call"][data-id="{alert_id}"]')


def plain(text: str) -> str:
    """Return a text without the marks that isolate what is put into it."""
    return re.sub("[\u2066-\u2069]", "", text)


def shown_text(window: ConsolePage) -> str:
    """Return all that is seen."""
    return plain(window.page.locator("body").inner_text())


# -- alerts -----------------------------------------------------------------------------------------


def test_an_alert_tells_who_what_when_by_which_rule_and_is_drawn_where_it_leads(
    node: ToldNode, browser: Browser
) -> None:
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        items = window.part("alert-item")
        expect(items).to_have_count(2)
        for text in ("RELIEF1", OURS, "NORTH12", THEIRS, words("urgency.caution")):
            expect(items.first).to_contain_text(text)
        before = window.rested_ink()
        items.first.click()
        expect(items.first).to_have_attribute("aria-expanded", "true")
        shown = plain(window.part("alert").first.inner_text())
        assert [
            text for text in ("310 m", "120 m", "en-route", words("level.caution")) if text not in shown
        ] == []
        window.until(lambda: len(window.ink()) > len(before), "the paths have a canvas")
        window.until(lambda: min(window.rested_ink()) > 0, "the paths are drawn")


def test_a_loss_counts_down_and_is_told_in_other_words_once_it_is_there(
    node: ToldNode, browser: Browser
) -> None:
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        expect(window.part("alert-item").first).to_contain_text(words("urgency.caution"))
        node.fall_silent()  # what was told counts on by itself
        expect(window.part("alert-item").first).to_contain_text(re.compile(r"in \W*4[0-7]\W* s"))
        one = encounter(node, urgency="warning", is_present=True, t_in_s=0.0, present_since=node.at(-3))
        node.tell_alerts([one])
        expect(call(window, one.id)).to_contain_text("LOSS NOW since")
        expect(card(window, one.id)).to_have_attribute("data-urgency", "warning")


def test_an_alert_that_is_not_acknowledged_stands_above_every_panel_and_in_the_title(
    node: ToldNode, browser: Browser
) -> None:
    one = encounter(node, urgency="warning")
    node.tell_alerts([one, excursion(node)])
    with told_console(browser, node) as window:
        expect(call(window, one.id)).to_be_visible()
        expect(window.part("no-sound")).to_be_visible()  # nobody has touched the page
        expect(window.page).to_have_title(re.compile(r"^\[WARNING \W*1\W*\] "))
        for tab in ("tab-items", "tab-declare", "tab-conflicts", "tab-watch"):
            window.part(tab).click()
            expect(call(window, one.id)).to_be_visible()
        expect(window.part("no-sound")).to_have_count(0)
        expect(window.part("alert-call")).to_have_count(1)  # an advisory calls nobody


def test_an_acknowledged_alert_stays_in_the_list_and_calls_no_more(node: ToldNode, browser: Browser) -> None:
    one = encounter(node, urgency="warning")
    node.tell_alerts([one])
    with told_console(browser, node) as window:
        call(window, one.id).get_by_test_id("show-alert").click()
        expect(card(window, one.id).get_by_test_id("read")).to_have_text(words("alert.unread"))
        card(window, one.id).get_by_test_id("acknowledge").click()
        expect(card(window, one.id).get_by_test_id("read")).to_have_text(words("alert.read"))
        expect(call(window, one.id)).to_have_count(0)
        assert node.acknowledged == [one.id]
        again = encounter(node, id=one.id, urgency="warning")  # as urgent as it is, nobody has read it
        node.tell_alerts([again])
        expect(call(window, one.id)).to_be_visible()


def test_an_acknowledgement_that_is_refused_says_so_and_the_alert_goes_on_calling(
    node: ToldNode, browser: Browser
) -> None:
    node.refuses["acknowledgement"] = "only a duty officer may"
    with told_console(browser, node) as window:
        window.part("alert-call").get_by_test_id("acknowledge").click()
        expect(window.part("alert-call")).to_contain_text("only a duty officer may")


def test_an_alert_without_data_is_not_called_cleared_nor_does_it_fall_silent(
    node: ToldNode, browser: Browser
) -> None:
    one = encounter(node, state="unseen", unseen_since=node.at(-20))
    node.tell_alerts([one])
    with told_console(browser, node) as window:
        expect(call(window, one.id).get_by_test_id("no-data")).to_contain_text("No data since")
        window.part("tab-watch").click()
        verdict(window, "alerts")
        expect(card(window, one.id)).to_contain_text("not over")


def test_alerts_that_are_over_are_asked_for_and_tell_how_they_ended(node: ToldNode, browser: Browser) -> None:
    cleared = encounter(node, state="cleared", ended=node.at(-60))
    unseen = encounter(node, state="ended_unseen", ended=node.at(-50))
    node.give("/v1/alerts", {"now": node.at(0), "alerts": [cleared, unseen], "unlisted_count": 0})
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        assert not [url for url in window.requests if "/v1/alerts" in url]
        window.part("ended").locator("summary").first.click()
        expect(card(window, cleared.id).get_by_test_id("ended-how")).to_contain_text("Cleared")
        expect(card(window, unseen.id).get_by_test_id("ended-how")).to_contain_text("not known")


def test_history_is_told_when_it_is_wanted(node: ToldNode, browser: Browser) -> None:
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        window.part("alert-item").first.click()
        window.part("history").click()
        expect(window.page.locator(".history li").first).to_contain_text(words("change_of.opened"))


def test_a_message_is_prepared_for_the_party_concerned(browser: Browser) -> None:
    node = ToldNode(everything(), has_hotline=True)
    sky_now = sky(node)
    node.tell_tracks(sky_now)
    node.tell_alerts([encounter(node)])
    node.tell_watch(state(node))
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        window.part("alert-item").first.click()
        window.page.locator('[data-testid="prepare"][data-code="request_position"]').click()
        expect(window.part("compose-to")).to_have_value(OTHER)
        expect(window.part("compose-code")).to_have_value("request_position")
        expect(window.part("field-call_sign")).to_have_value("NORTH12")


# -- what a list means ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "expected", "said"),
    [
        ({"is_watching": False, "feeds": []}, "nothing", "watch.verdict.nothing"),
        ({}, "none", "watch.verdict.none"),
        ({"blind": ["feed partner is silent"]}, "cannot_tell", "watch.verdict.cannot_tell"),
        ({"pairs_cannot_exclude": 1}, "cannot_tell", "watch.verdict.cannot_tell"),
        ({"not_predicted_count": 1}, "cannot_tell", "watch.verdict.cannot_tell"),
    ],
)
def test_nothing_watched_no_alert_and_cannot_tell_are_three_texts(
    node: ToldNode, browser: Browser, told: dict[str, Any], expected: str, said: str
) -> None:
    node.tell_alerts([])
    node.tell_watch(state(node, **told))
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        verdict(window, expected)
        text = shown_text(window)
        others = {"watch.verdict.nothing", "watch.verdict.none"} - {said}
        assert words(said) in text
        assert [each for each in others if words(each) in text] == []
        for reason in told.get("blind", ()):
            expect(window.part("blind")).to_contain_text(reason)


def test_before_anything_is_told_nothing_is_claimed(browser: Browser) -> None:
    node = ToldNode()
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        verdict(window, "unknown")
        assert words("watch.verdict.none") not in shown_text(window)


def test_a_watch_that_falls_silent_is_told_everywhere_and_its_list_is_not_current(
    node: ToldNode, browser: Browser
) -> None:
    node.tell_alerts([])
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        verdict(window, "none")
        node.fall_silent()
        expect(window.part("watch-silent")).to_be_visible(timeout=LATER_S * 1000)
        verdict(window, "stale")
        expect(window.part("tab-watch")).to_contain_text("?")
        window.part("tab-items").click()
        expect(window.part("watch-silent")).to_be_visible()


def test_alerts_for_which_there_was_no_room_are_counted(node: ToldNode, browser: Browser) -> None:
    node.tell_alerts([encounter(node)], unlisted=7)
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        expect(window.part("alert-list")).to_be_visible()
        assert "7 more alerts are not listed" in shown_text(window)


# -- feeds ------------------------------------------------------------------------------------------


def test_a_feed_tells_its_state_in_words_and_its_age_counts_up(node: ToldNode, browser: Browser) -> None:
    node.tell_watch(state(node, feeds=[feed(node, "antenna", report_count=100, last_report=node.at(-7))]))
    with told_console(browser, node) as window:
        window.part("tab-watch").click()
        expect(window.part("feed")).to_contain_text(words("feed.state.live"))
        age = window.part("feed-age")
        first = age.inner_text()
        window.until(lambda: age.inner_text() != first, "the age counts up")
        expect(window.part("feed-banner")).to_have_count(0)


@pytest.mark.parametrize("how", ["silent", "waiting", "failed", "ended"])
def test_a_feed_that_gives_nothing_is_told_on_every_panel(node: ToldNode, browser: Browser, how: str) -> None:
    node.tell_watch(state(node, feeds=[feed(node, "antenna"), feed(node, "partner", how, last_report=None)]))
    with told_console(browser, node) as window:
        for tab in ("tab-items", "tab-watch"):
            window.part(tab).click()
            expect(window.part("feed-banner")).to_have_count(1)
            expect(window.part("feed-banner")).to_have_attribute("data-state", how)
            expect(window.part("feed-banner")).to_contain_text("partner")


# -- tracks -----------------------------------------------------------------------------------------


def test_a_track_tells_by_whom_it_is_seen_how_well_and_how_it_stands(
    node: ToldNode, browser: Browser
) -> None:
    own = track(
        node,
        OURS,
        0.0,
        0.0,
        party=OWN,
        callsign="RELIEF1",
        squawk="4621",
        operation="relief/drop",
        standing="excursion",
        sources=("antenna", "partner"),
        vertical_rate_mps=-2.5,
        status="coasting",
        age_s=9.0,
    )
    node.tell_tracks([own])
    node.give(f"/v1/tracks/{OURS}", detail([own], OURS))
    one = alert(node, "excursion", OURS, "relief/drop", item="relief/drop")
    node.tell_alerts([one])
    with told_console(browser, node) as window:
        call(window, one.id).get_by_test_id("show-alert").click()
        window.rested_ink()
        box = window.part("map").bounding_box()
        assert box is not None
        beside = 190  # the view leaves room for the legend
        x = box["x"] + (beside + box["width"] - 60) / 2
        window.page.mouse.click(x, box["y"] + box["height"] / 2)
        shown = window.part("track-detail")
        expect(shown).to_be_visible()
        expect(shown).to_contain_text("partner/track:4")
        text = plain(shown.inner_text())
        for part in (
            "RELIEF1",
            OURS,
            "antenna, partner",
            "4621",
            "1,510 m",
            "4,900 ft",
            "-2.5 m/s",
            "relief/drop",
            words("track.height_ellipsoid"),
            words("track.height_pressure"),
        ):
            assert part in text
        expect(window.part("track-status")).to_have_attribute("data-status", "coasting")
        expect(window.part("track-standing")).to_contain_text(words("standing.excursion"))
        expect(card(window, one.id).get_by_test_id("alert-item")).to_have_attribute("aria-expanded", "true")


# -- the past ---------------------------------------------------------------------------------------


@pytest.fixture
def recorded(node: ToldNode) -> ToldNode:
    """Return the node with recordings, in which the encounter was a loss."""
    tracks = sky(node)
    node.give("/v1/recordings", spans(node))
    node.answers["/v1/moments"] = lambda _path, query: moment(
        node,
        query["at"][0],
        tracks,
        [encounter(node, id="A-THEN", is_present=True, present_since=query["at"][0])],
    )
    return node


def test_the_past_is_framed_and_what_is_now_still_calls_and_one_click_leads_back(
    recorded: ToldNode, browser: Browser
) -> None:
    with told_console(browser, recorded) as window:
        window.part("tab-watch").click()
        live = window.part("alert-call").get_attribute("data-id")
        window.part("replay-show").click()
        expect(window.part("replay-bar")).to_contain_text("not live")
        expect(window.page.locator(".replay-frame")).to_be_visible()
        expect(card(window, "A-THEN")).to_be_visible()
        # the past is not acknowledged
        expect(card(window, "A-THEN").get_by_test_id("acknowledge")).to_have_count(0)
        expect(window.part("alert-call")).to_have_attribute("data-id", str(live))
        first = window.part("replay-bar").get_attribute("data-at")
        window.part("step-10").click()
        expect(window.part("replay-bar")).not_to_have_attribute("data-at", str(first))
        window.part("back-to-live").click()
        expect(window.part("replay-bar")).to_have_count(0)
        expect(window.part("now-button")).to_have_attribute("aria-pressed", "true")
        expect(card(window, str(live))).to_be_visible()


def test_an_alert_of_now_that_is_chosen_in_the_bar_ends_the_replay_though_one_of_then_has_its_id(
    recorded: ToldNode, browser: Browser
) -> None:
    recorded.tell_alerts([encounter(recorded, id="A-THEN", urgency="warning")])
    with told_console(browser, recorded) as window:
        window.part("tab-watch").click()
        window.part("replay-show").click()
        expect(window.part("replay-bar")).to_be_visible()
        card(window, "A-THEN").get_by_test_id("alert-item").click()
        expect(window.part("replay-bar")).to_be_visible()
        call(window, "A-THEN").get_by_test_id("show-alert").click()
        expect(window.part("replay-bar")).to_have_count(0)
        expect(card(window, "A-THEN")).to_have_attribute("data-urgency", "warning")
        expect(card(window, "A-THEN").get_by_test_id("alert-item")).to_have_attribute("aria-expanded", "true")


def test_the_slider_of_time_moves_the_replay_and_a_conflict_that_is_chosen_ends_it(
    recorded: ToldNode, browser: Browser
) -> None:
    with told_console(browser, recorded) as window:
        window.part("tab-watch").click()
        window.part("replay-show").click()
        expect(window.part("replay-bar")).to_be_visible()
        asked = len(recorded.moments)
        window.part("time-field").fill(recorded.at(-600)[:19].replace("T", " "))
        window.until(lambda: len(recorded.moments) > asked, "the moment is asked for")
        expect(window.part("replay-bar")).to_have_attribute("data-at", re.compile(recorded.at(-600)[:19]))
        window.part("now-button").click()
        expect(window.part("replay-bar")).to_have_count(0)


def test_moments_that_are_played_are_never_asked_for_at_once(recorded: ToldNode, browser: Browser) -> None:
    def slow(context: BrowserContext) -> None:
        context.add_init_script(SLOW_MOMENTS)

    with told_console(browser, recorded, prepare=slow) as window:
        window.part("tab-watch").click()
        window.part("replay-show").click()
        expect(window.part("replay-bar")).to_be_visible()
        window.part("play-20").click()
        for _ in range(5):
            window.part("step1").click()  # steps while it plays
        asked = len(recorded.moments)
        window.until(lambda: len(recorded.moments) >= asked + 2, "it goes on by itself")
        assert window.page.evaluate("() => window.most") == 1
        window.part("play-20").click()
        expect(window.part("play-20")).to_have_attribute("aria-pressed", "false")


def test_a_moment_that_cannot_be_shown_says_why_and_the_map_stays_with_now(
    recorded: ToldNode, browser: Browser
) -> None:
    recorded.refuses["/v1/moments"] = "the recording is damaged"
    with told_console(browser, recorded) as window:
        window.part("tab-watch").click()
        window.part("replay-show").click()
        expect(window.part("replay-failed")).to_contain_text("the recording is damaged")
        expect(window.part("replay-bar")).to_have_count(0)


# -- keys, languages, strangers ---------------------------------------------------------------------


def test_an_alert_is_found_read_and_acknowledged_by_keys_alone(node: ToldNode, browser: Browser) -> None:
    with told_console(browser, node) as window:
        keys = window.page.keyboard
        expect(window.part("alert-call")).to_be_visible()
        keys.press("w")
        expect(window.part("alert-list")).to_be_visible()
        window.tab_to("alert-item")
        keys.press("ArrowDown")
        keys.press("ArrowUp")
        keys.press("Enter")
        expect(window.part("alert-item").first).to_have_attribute("aria-expanded", "true")
        window.tab_to("acknowledge")
        keys.press("Enter")
        window.until(lambda: len(node.acknowledged) == 1, "it is acknowledged")


def views(window: ConsolePage, node: ToldNode) -> Iterator[str]:
    """Go through what the watch shows, and name each."""
    window.part("tab-watch").click()
    window.part("alert-item").first.click()
    window.part("history").click()
    expect(window.page.locator(".history")).to_be_visible()
    yield "an alert"
    window.part("replay-show").click()
    expect(window.part("replay-bar")).to_be_visible()
    yield "the past"
    window.part("back-to-live").click()
    node.tell_alerts([])
    verdict(window, "cannot_tell")
    yield "cannot tell"


@pytest.fixture
def everything_told(recorded: ToldNode) -> ToldNode:
    """Return the node with everything that the watch can show."""
    warning = encounter(
        recorded, urgency="warning", is_present=True, present_since=recorded.at(-3), climbed=1, present_s=3.0
    )
    unseen = encounter(recorded, state="unseen", unseen_since=recorded.at(-20))
    stranger = alert(
        recorded,
        "undeclared",
        STRANGER,
        urgency="advisory",
        is_present=True,
        present_since=recorded.at(-9),
        is_acknowledged=True,
    )
    recorded.tell_alerts([warning, unseen, excursion(recorded), stranger])
    feeds = [
        feed(recorded, "antenna"),
        feed(recorded, "partner", "silent", malformed_count=3, last_problem="it is not JSON"),
    ]
    blind = ["feed partner is silent"]
    recorded.tell_watch(
        state(recorded, feeds=feeds, blind=blind, pairs_cannot_exclude=2, not_predicted_count=1)
    )
    return recorded


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_of_the_watch_is_in_the_language_that_is_chosen_and_axe_finds_nothing(
    everything_told: ToldNode, browser: Browser, axe: str, language: str
) -> None:
    with told_console(browser, everything_told, language=language) as window:
        expect(window.part("tab-watch")).to_contain_text(str(catalogue(language)["panel.watch"]))
        window.page.evaluate(axe)
        found: dict[tuple[str, str], list[str]] = {}
        for view in views(window, everything_told):
            assert raw_texts(window.page) == [], view
            for theme in THEMES:
                window.part("theme-select").select_option(theme)
                expect(window.page.locator("html")).to_have_attribute("data-theme", theme)
                if faults := axe_faults(window):
                    found[view, theme] = faults
        assert found == {}


def test_whoever_only_looks_is_offered_no_acknowledgement(node: ToldNode, browser: Browser) -> None:
    session: Any = node.answers["/v1/session"]("", {})
    node.give("/v1/session", session | {"role": "viewer"})
    with told_console(browser, node) as window:
        expect(window.part("alert-call")).to_be_visible()
        window.part("tab-watch").click()
        expect(window.part("alert-list")).to_be_visible()
        expect(window.part("acknowledge")).to_have_count(0)


def test_what_others_name_is_text_and_never_markup(node: ToldNode, browser: Browser) -> None:
    name = "<img src=x onerror=alert(1)>"
    node.tell_tracks([track(node, name, 0.0, 0.0, callsign=name, suspicion=name, sources=(name,))])
    node.tell_alerts([alert(node, "spoofing", name, cause=name, rule=name, level=name, urgency="warning")])
    node.tell_watch(
        state(node, blind=[name], feeds=[feed(node, name, "failed", last_problem=name, address=name)])
    )
    with told_console(browser, node) as window:
        window.part("alert-call").get_by_test_id("show-alert").click()
        expect(window.part("alert").first).to_contain_text(name)
        expect(window.part("blind")).to_contain_text(name)
        assert window.page.locator("img[src=x]").count() == 0
