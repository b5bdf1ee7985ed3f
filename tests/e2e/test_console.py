"""What people do with the console, done in a browser against a node that is served.

Every window is looked at when it is closed: nothing was asked of another host, nothing was against
the policy of the page, nothing was uncaught, and no graphics context but the plain one was made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, Route, expect

from keepclear.adapters import clock
from keepclear.core.conflicts import Item
from keepclear.core.intents import ItemId
from keepclear.node.access import Role
from keepclear.node.outcomes import NotFoundError
from keepclear.node.policy import ConflictPolicy
from keepclear.node.ports import Record, Standing
from tests.e2e.catalogues import LANGUAGES, catalogue
from tests.e2e.console_page import LATER_S, ConsolePage, console_at
from tests.e2e.line import Line, line_to
from tests.e2e.world import LAT, LNG, OTHER, away, everything, others, own_drop, own_file, patrol
from tests.served import ServedNode, served_node, settings_of

pytestmark = pytest.mark.slow

CUT_S: Final = 9.0
"""The page has to notice silence within about 7 seconds."""
THEMES: Final = ("light", "dark", "night")
RAW_KEY: Final = re.compile(r"\b[a-z]+(?:\.[a-zA-Z_]+)+\b|\{\w+\}|undefined|NaN")
Serving = Callable[..., ServedNode]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Serve a node in real time, by default with whoever comes as its guest, and one conflict."""
    with ExitStack() as stack:

        def serve(
            items: Sequence[Item] | None = None,
            *,
            conflicts: ConflictPolicy = ConflictPolicy.RECORD,
            is_guest: bool = True,
        ) -> ServedNode:
            settings = settings_of(tmp_path, conflicts=conflicts)
            node = stack.enter_context(
                served_node(tmp_path, settings=settings, is_guest=is_guest, clock=clock.now)
            )
            node.declare(everything() if items is None else items)
            return node

        yield serve


def stored(node: ServedNode, item_id: str) -> Record | None:
    """Return what the node holds of an item; None if it was never declared."""
    try:
        return node.running.node.record(item_id)
    except NotFoundError:
        return None


def held(node: ServedNode, item_id: str) -> Record:
    """Return what the node holds of an item that was declared."""
    return node.running.node.record(item_id)


def choose_own_conflict(window: ConsolePage) -> None:
    """Open the conflict that our own operation is in."""
    window.conflicts().filter(has_text="relief/drop").first.click()
    expect(window.conflicts().first).to_have_attribute("aria-expanded", "true")


def type_circle(window: ConsolePage, item_id: str, lat: float, lng: float) -> None:
    """Begin a draft and type a circle, with the times and heights that the console suggests."""
    window.part("tab-declare").click()
    window.part("item-id").fill(item_id)
    window.part("type-circle").click()
    window.part("new-lat").fill(str(lat))
    window.part("new-lng").fill(str(lng))
    window.part("add-point").click()


def expect_at_rest(window: ConsolePage, count: int) -> None:
    """Wait until the map shows so many items."""
    expect(window.part("tab-items")).to_contain_text(str(count))
    window.rested_ink()


def geojson_file(content: bytes) -> FilePayload:
    """Return a file as a person chooses it."""
    return {"name": "plan.geojson", "mimeType": "application/geo+json", "buffer": content}


# -- declaring --------------------------------------------------------------------------------------


def test_a_polygon_drawn_on_the_map_is_checked_while_it_is_edited_and_then_declared(
    serving: Serving, browser: Browser
) -> None:
    node = serving(others(), conflicts=ConflictPolicy.REFUSE)
    with console_at(browser, node.url) as window:
        expect_at_rest(window, 3)
        window.part("tab-declare").click()
        window.part("draw-polygon").click()
        box = window.part("map").bounding_box()
        assert box is not None
        for x, y in ((0.3, 0.3), (0.6, 0.3), (0.6, 0.65), (0.3, 0.65), (0.3, 0.3)):
            window.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        expect(window.page.get_by_test_id("point-lat")).to_have_count(4)
        window.draft_check("conflict")  # it lies over all operations, at their heights and times
        window.part("item-id").fill("relief/drawn")
        window.part("altitude-lower").fill("5000")
        window.part("altitude-upper").fill("5200")
        window.draft_check("clear")
        assert stored(node, "relief/drawn") is None
        window.part("declare-submit").click()
        expect(window.part("item-detail")).to_contain_text("relief/drawn")
        record = held(node, "relief/drawn")
        assert (record.version, record.standing) == (1, Standing.CLEAR)
        volumes = json.loads(record.text)["volumes"]
        assert len(volumes[0]["volume"]["outline_polygon"]["vertices"]) == 4
        assert volumes[0]["volume"]["altitude_lower"]["value"] == 5000


def test_a_conflict_declared_in_one_window_appears_in_another_without_reloading(
    serving: Serving, browser: Browser
) -> None:
    node = serving(others())
    with console_at(browser, node.url) as first, console_at(browser, node.url) as second:
        second.verdict("clear")
        second.page.evaluate("() => { window.wasNotReloaded = true; }")
        type_circle(first, "relief/in the way", LAT, LNG)
        first.draft_check("conflict")
        first.part("declare-submit").click()
        expect(first.part("item-detail")).to_be_visible()
        assert held(node, "relief/in the way").standing is Standing.CONFLICTING
        second.verdict("conflict")
        expect(second.conflicts()).to_have_count(1)
        expect(second.conflicts().first).to_contain_text("relief/in the way")
        expect(second.page).to_have_title(re.compile(r"^\(1\) "))
        assert second.page.evaluate("() => window.wasNotReloaded")


def test_a_refused_declaration_tells_why_and_stores_nothing(serving: Serving, browser: Browser) -> None:
    node = serving(others(), conflicts=ConflictPolicy.REFUSE)
    with console_at(browser, node.url) as window:
        type_circle(window, "relief/in the way", LAT, LNG)
        window.draft_check("conflict")
        window.part("declare-submit").click()
        window.draft_check("refused")
        expect(window.page.locator(".outcome")).to_contain_text("north/patrol")
        expect(window.part("item-id")).to_have_value("relief/in the way")  # the draft is not lost
        assert stored(node, "relief/in the way") is None


def test_a_file_is_looked_through_before_it_is_declared(serving: Serving, browser: Browser) -> None:
    node = serving()
    file = geojson_file(own_file("relief/filed"))
    with console_at(browser, node.url) as window:
        window.part("tab-declare").click()
        window.part("upload-file").set_input_files(file)
        expect(window.part("upload-rows")).to_contain_text("relief/filed")
        assert stored(node, "relief/filed") is None
        window.part("upload-declare").click()
        expect(window.part("upload-rows")).to_contain_text(str(catalogue("en")["upload.declared"]))
        assert held(node, "relief/filed").version == 1


def test_a_file_that_cannot_be_read_says_what_is_wrong(serving: Serving, browser: Browser) -> None:
    node = serving()
    broken = own_file("relief/filed").replace(b"altitude_upper_m", b"altitude_uper_m")
    file = geojson_file(broken)
    with console_at(browser, node.url) as window:
        window.part("tab-declare").click()
        window.part("upload-file").set_input_files(file)
        expect(window.page.locator(".upload")).to_contain_text("altitude_uper_m")


# -- conflicts and changes --------------------------------------------------------------------------


def test_a_conflict_is_resolved_by_one_click_on_a_change(serving: Serving, browser: Browser) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        choose_own_conflict(window)
        before = window.rested_ink()
        window.part("offer-changes").click()
        change = window.part("change-option").first
        change.hover()
        window.until(lambda: window.ink() != before, "a preview is drawn")
        change.get_by_test_id("apply-change").click()
        window.verdict("clear")
        expect(window.conflicts()).to_have_count(0)
        expect(window.part("change-applied")).to_contain_text("relief/drop")
        record = held(node, "relief/drop")
        assert (record.version, record.standing) == (2, Standing.CLEAR)


def test_a_draft_in_conflict_is_declared_as_a_change_would_have_it(
    serving: Serving, browser: Browser
) -> None:
    node = serving(others(), conflicts=ConflictPolicy.REFUSE)
    with console_at(browser, node.url) as window:
        type_circle(window, "relief/in the way", LAT, LNG)
        window.draft_check("conflict")
        window.part("offer-changes").click()
        window.part("apply-change").first.click()
        window.until(lambda: stored(node, "relief/in the way") is not None, "it is declared")
        assert held(node, "relief/in the way").standing is Standing.CLEAR
        expect(window.part("announcer")).to_contain_text("relief/in the way")


# -- items ------------------------------------------------------------------------------------------


def test_an_item_of_another_party_is_read_only_and_says_whose_it_is(
    serving: Serving, browser: Browser
) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        window.part("tab-items").click()
        window.row("north/patrol").click()
        expect(window.part("read-only")).to_contain_text(OTHER)
        for test_id in ("amend", "withdraw", "offer-changes", "state-event"):
            expect(window.part("item-detail").get_by_test_id(test_id)).to_have_count(0)


def test_an_own_item_is_amended_stepped_and_withdrawn(serving: Serving, browser: Browser) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        window.part("tab-items").click()
        window.row("relief/drop").click()
        window.part("amend").click()
        window.part("altitude-upper").fill("180")
        window.draft_check("clear")
        window.part("declare-submit").click()
        expect(window.part("item-detail")).to_contain_text("180")
        assert held(node, "relief/drop").version == 2
        window.page.locator('[data-testid="state-event"][data-event="activate"]').click()
        expect(window.part("item-state")).to_have_text(str(catalogue("en")["state.Activated"]))
        window.part("withdraw").click()
        window.part("withdraw-confirm").click()
        expect(window.row("relief/drop")).to_have_count(0)
        record = held(node, "relief/drop")
        assert (record.version, record.is_withdrawn) == (4, True)


def test_an_amendment_of_a_version_that_is_old_is_refused_and_changes_nothing(
    serving: Serving, browser: Browser
) -> None:
    node = serving()
    with console_at(browser, node.url) as first, console_at(browser, node.url) as second:
        for window in (first, second):
            window.part("tab-items").click()
            window.row("relief/drop").click()
            window.part("amend").click()
        first.part("altitude-upper").fill("180")
        first.part("declare-submit").click()
        expect(first.part("item-detail")).to_be_visible()
        second.part("altitude-upper").fill("190")
        second.part("declare-submit").click()
        second.draft_check("refused")
        record = held(node, "relief/drop")
        assert record.version == 2
        assert json.loads(record.text)["volumes"][0]["volume"]["altitude_upper"]["value"] == 180


# -- time -------------------------------------------------------------------------------------------


def test_the_slider_moves_the_shown_time_and_what_is_drawn_strongly(
    serving: Serving, browser: Browser
) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        expect_at_rest(window, 4)
        now = sum(window.rested_ink())
        expect(window.part("now-button")).to_have_attribute("aria-pressed", "true")
        box = window.part("time-slider").bounding_box()
        assert box is not None
        # The axis goes from 5 minutes before now to 90 after: a third of it is when both operations are used.
        window.page.mouse.click(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
        expect(window.part("now-button")).to_have_attribute("aria-pressed", "false")
        expect(window.part("shown-time")).to_contain_text("after now")
        expect(window.page.locator("#map-note")).not_to_be_empty()
        window.until(lambda: sum(window.ink()) > 1.1 * now, "more is drawn strongly than now")
        window.part("now-button").click()
        expect(window.part("now-button")).to_have_attribute("aria-pressed", "true")
        expect(window.page.locator("#map-note")).to_be_empty()
        window.until(lambda: sum(window.ink()) < 1.1 * now, "what is used later is faint again")


# -- keys -------------------------------------------------------------------------------------------


def test_everything_can_be_done_by_keys_alone(serving: Serving, browser: Browser) -> None:
    node = serving(is_guest=False)
    token = node.token_file.read_text(encoding="utf-8").strip()
    with console_at(browser, node.url) as window:
        keys = window.page.keyboard
        expect(window.part("sign-in")).to_be_visible()
        while not window.has_focus({"id": "token"}):
            keys.press("Tab")
        keys.type(token)
        keys.press("Enter")
        window.verdict("conflict")

        keys.press("d")
        window.tab_to("type-circle")
        keys.press("Enter")
        window.tab_to("new-lat")
        keys.type(str(LAT - 0.03))
        keys.press("Tab")
        keys.type(str(LNG - 0.05))
        keys.press("Enter")
        expect(window.part("point-lat")).to_have_count(1)
        window.tab_to("altitude-lower")
        window.type_over("1000")
        keys.press("Tab")
        window.type_over("1100")
        window.tab_to("item-id")
        window.type_over("relief/typed")
        window.draft_check("clear")
        window.tab_to("declare-submit")
        keys.press("Enter")
        expect(window.part("item-detail")).to_contain_text("relief/typed")
        assert held(node, "relief/typed").version == 1

        keys.press("j")
        expect(window.conflicts().first).to_have_attribute("aria-expanded", "true")
        window.tab_to("offer-changes")
        keys.press("Enter")
        expect(window.part("change-option").first).to_be_visible()
        window.tab_to("apply-change")
        keys.press("Enter")
        window.verdict("clear")
        assert held(node, "relief/drop").version == 2

        keys.press("/")
        window.until(lambda: window.has_focus({"id": "filter-text"}), "the filter has the focus")
        keys.type("typed")
        window.tab_to("item-row")
        keys.press("Enter")
        expect(window.part("item-detail")).to_contain_text("relief/typed")
        window.tab_to("withdraw")
        keys.press("Enter")
        window.tab_to("withdraw-confirm")
        keys.press("Enter")
        expect(window.row("relief/typed")).to_have_count(0)
        assert held(node, "relief/typed").is_withdrawn


@pytest.mark.parametrize(("slid_px", "is_opened"), [(0.0, True), (5.0, True), (40.0, False)])
def test_a_press_counts_for_the_button_that_it_began_on_though_the_page_moves_unless_it_slides_away(
    serving: Serving, browser: Browser, slid_px: float, is_opened: bool
) -> None:
    with console_at(browser, serving().url) as window:
        row = window.row("relief/drop")
        window.part("tab-items").click()
        row.hover()  # once it has come to rest
        box = row.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2.0, box["y"] + box["height"] / 2.0
        mouse = window.page.mouse
        mouse.down()
        window.part("tab-items").evaluate("(tab) => { tab.style.paddingBottom = '300px'; }")
        assert row.evaluate("(row, y) => row.getBoundingClientRect().top > y", y)
        mouse.move(x + slid_px, y)
        mouse.up()
        window.until(lambda: not row.evaluate("(row) => row.matches(':active')"), "it was let go")
        expect(window.part("item-detail")).to_have_count(int(is_opened))


def test_after_a_typed_point_the_focus_is_on_the_next_one(serving: Serving, browser: Browser) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        keys = window.page.keyboard
        window.verdict("conflict")
        keys.press("d")
        window.tab_to("type-polygon")
        keys.press("Enter")
        window.tab_to("new-lat")
        for lat, lng in ((LAT, LNG), (LAT, LNG + 0.01), (LAT + 0.01, LNG)):
            window.until(lambda: window.has_focus({"data-testid": "new-lat"}), "the next latitude is typed")
            keys.type(str(lat))
            keys.press("Tab")
            keys.type(str(lng))
            keys.press("Enter")
        expect(window.part("point-lat")).to_have_count(3)


# -- languages --------------------------------------------------------------------------------------

VISIBLE_TEXTS: Final = """() => {
  const texts = [document.body.innerText, document.title];
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder], option")) {
    for (const name of ["aria-label", "title", "placeholder"]) texts.push(element.getAttribute(name) ?? "");
    if (element.tagName === "OPTION") texts.push(element.textContent);
  }
  return texts.join("\\n");
}"""


def raw_texts(page: Page) -> list[str]:
    """Return what looks like a key without a text, or a text without what belongs in it."""
    sections = {key.partition(".")[0] for key in catalogue("en")}
    text: str = page.evaluate(VISIBLE_TEXTS)
    found = RAW_KEY.findall(text)
    return [each for each in found if each[0] == "{" or "." not in each or each.partition(".")[0] in sections]


def views(window: ConsolePage) -> Iterator[str]:
    """Go through what the panel beside the map can show, and name each."""
    window.part("tab-conflicts").click()
    if window.conflicts().first.get_attribute("aria-expanded") != "true":
        choose_own_conflict(window)
    window.part("offer-changes").first.click()
    expect(window.part("change-option").first).to_be_visible()
    yield "a conflict and its changes"
    window.part("tab-items").click()
    window.row("relief/drop").click()
    yield "an own item"
    window.row("north/patrol").click()
    expect(window.part("read-only")).to_be_visible()
    yield "an item of another party"
    type_circle(window, "relief/in the way", LAT, LNG)
    window.draft_check("conflict")
    yield "a draft"
    window.part("declare-cancel").click()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_view_is_in_the_language_that_is_chosen(
    serving: Serving, browser: Browser, language: str
) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        window.verdict("conflict")
        window.part("language-select").select_option(language)
        root = window.page.locator("html")
        expect(root).to_have_attribute("lang", language)
        expect(root).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
        expect(window.part("tab-items")).to_contain_text(str(catalogue(language)["panel.items"]))
        for view in views(window):
            assert raw_texts(window.page) == [], view
        for axis in (window.part("altitude-chart"), window.page.locator(".slider")):
            assert axis.evaluate("(element) => getComputedStyle(element).direction") == "ltr"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_legend_does_not_cover_the_scale_of_the_map(
    serving: Serving, browser: Browser, language: str
) -> None:
    node = serving()
    with console_at(browser, node.url, language=language) as window:
        expect(window.page.locator(".ol-scale-line-inner")).to_be_visible()
        legend = window.page.locator(".legend").bounding_box()
        scale = window.page.locator(".ol-scale-line").bounding_box()
        assert legend is not None
        assert scale is not None
        ends = legend["x"] + legend["width"], scale["x"] + scale["width"]
        assert ends[0] <= scale["x"] or ends[1] <= legend["x"]


def test_the_language_and_theme_that_were_chosen_are_there_after_a_reload(
    serving: Serving, browser: Browser
) -> None:
    node = serving()
    with console_at(browser, node.url) as window:
        window.part("language-select").select_option("ar")
        expect(window.page.locator("html")).to_have_attribute("dir", "rtl")
        window.part("theme-select").select_option("night")
        window.page.reload()
        expect(window.page.locator("html")).to_have_attribute("dir", "rtl")
        expect(window.page.locator("html")).to_have_attribute("data-theme", "night")
        expect(window.part("tab-items")).to_contain_text(str(catalogue("ar")["panel.items"]))


def test_a_theme_that_is_chosen_while_a_language_is_on_its_way_is_kept(
    serving: Serving, browser: Browser
) -> None:
    node = serving()
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    def hold_back(context: BrowserContext) -> None:
        context.route("**/locales/ar.json", hold)

    with console_at(browser, node.url, prepare=hold_back) as window:
        window.part("language-select").select_option("ar")
        window.until(lambda: len(asked) > 0, "the texts are asked for")
        window.part("theme-select").select_option("night")
        expect(window.page.locator("html")).to_have_attribute("data-theme", "night")
        asked[0].continue_()
        expect(window.page.locator("html")).to_have_attribute("dir", "rtl")
        expect(window.page.locator("html")).to_have_attribute("data-theme", "night")


def test_the_console_speaks_the_language_of_the_browser(serving: Serving, browser: Browser) -> None:
    node = serving()
    with console_at(browser, node.url, language="ru-RU") as window:
        expect(window.part("tab-items")).to_contain_text(str(catalogue("ru")["panel.items"]))


# -- accessibility ----------------------------------------------------------------------------------

AXE: Final = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
}"""


def axe_faults(window: ConsolePage) -> list[str]:
    """Return what axe-core finds, once nothing changes its colour any more."""
    window.until(lambda: window.page.evaluate("() => document.getAnimations().length") == 0, "all is at rest")
    faults: list[str] = window.page.evaluate(AXE)
    return faults


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_in_any_theme(serving: Serving, browser: Browser, axe: str, language: str) -> None:
    node = serving()
    with console_at(browser, node.url, language=language) as window:
        window.verdict("conflict")
        window.page.evaluate(axe)
        found = {}
        for view in views(window):
            for theme in THEMES:
                window.part("theme-select").select_option(theme)
                expect(window.page.locator("html")).to_have_attribute("data-theme", theme)
                if faults := axe_faults(window):
                    found[view, theme] = faults
        assert found == {}


def test_axe_finds_nothing_where_one_signs_in(serving: Serving, browser: Browser, axe: str) -> None:
    node = serving(is_guest=False)
    with console_at(browser, node.url) as window:
        expect(window.part("sign-in")).to_be_visible()
        window.page.evaluate(axe)
        for theme in THEMES:
            window.part("theme-select").select_option(theme)
            assert axe_faults(window) == []


# -- what is known, and what is not -----------------------------------------------------------------


def never_claims_clear(window: ConsolePage) -> None:
    """Fail if the page says that nothing conflicts, be it by a count of 0."""
    assert str(catalogue("en")["verdict.clear"]) not in window.page.locator("body").inner_text()
    assert window.part("verdict").get_attribute("data-state") != "clear"
    assert "0" not in window.part("tab-conflicts").inner_text()


@contextmanager
def with_line(browser: Browser, node: ServedNode) -> Iterator[tuple[ConsolePage, Line]]:
    """Open a console over a line that can be cut, and wait until it says that nothing conflicts."""
    with line_to(int(node.url.rpartition(":")[2])) as line:
        try:
            with console_at(browser, line.url) as window:
                window.verdict("clear")
                yield window, line
        finally:
            line.mend()  # else the browser waits for what is held back


@pytest.mark.parametrize("how", ["cut", "silent"])
def test_a_console_that_is_cut_off_says_so_and_recovers(serving: Serving, browser: Browser, how: str) -> None:
    node = serving([patrol(), away()])
    with with_line(browser, node) as (window, line):
        {"cut": line.cut, "silent": line.fall_silent}[how]()
        expect(window.part("banner")).to_be_visible(timeout=CUT_S * 1000)
        window.verdict("stale")
        never_claims_clear(window)
        expect(window.page).to_have_title(re.compile(r"^\(\?\) "))
        node.declare([own_drop()])  # what happens meanwhile is not missed
        line.mend()
        window.verdict("conflict", LATER_S)
        window.link("live")
        expect(window.part("banner")).to_have_count(0)
        expect(window.conflicts()).to_have_count(1)


def test_a_declaration_that_cannot_be_sent_says_so_and_keeps_the_draft(
    serving: Serving, browser: Browser
) -> None:
    node = serving([patrol(), away()])
    with with_line(browser, node) as (window, line):
        line.cut()
        type_circle(window, "relief/typed", LAT - 0.1, LNG)
        window.draft_check("failed")
        window.part("declare-submit").click()
        window.draft_check("refused")
        expect(window.part("item-id")).to_have_value("relief/typed")
        assert stored(node, "relief/typed") is None


def test_nothing_is_called_clear_before_the_node_has_answered(serving: Serving, browser: Browser) -> None:
    node = serving([patrol()])
    asked: list[Route] = []

    def hold(route: Route) -> None:
        asked.append(route)

    def hold_back(context: BrowserContext) -> None:
        context.route("**/v1/conflicts*", hold)

    with console_at(browser, node.url, prepare=hold_back) as window:
        window.link("live")
        window.until(lambda: len(asked) > 0, "the conflicts are asked for")
        window.verdict("loading")
        never_claims_clear(window)
        for route in asked:
            route.continue_()
        window.verdict("clear")


def test_an_answer_that_does_not_come_is_not_called_clear(serving: Serving, browser: Browser) -> None:
    node = serving([patrol()])

    def refuse(context: BrowserContext) -> None:
        context.route("**/v1/conflicts*", lambda route: route.fulfill(status=503, json={"title": "too busy"}))

    with console_at(browser, node.url, prepare=refuse) as window:
        window.verdict("refused")
        never_claims_clear(window)
        expect(window.part("verdict")).to_contain_text("too busy")


def test_a_node_that_holds_nothing_says_so_and_when_it_looked(serving: Serving, browser: Browser) -> None:
    node = serving([])
    with console_at(browser, node.url) as window:
        window.verdict("clear")
        checked = window.part("verdict").inner_text()
        assert str(catalogue("en")["verdict.empty"]) in checked
        assert re.search(r"operations: \W*0\W*, zones: \W*0\W*,", checked)
        assert re.search(r"\d\d:\d\d:\d\dZ", checked)
        window.part("tab-items").click()
        expect(window.part("item-list").locator("li")).to_have_count(0)


# -- secrets and strangers --------------------------------------------------------------------------


@pytest.fixture
def signed_in(
    serving: Serving, browser: Browser
) -> AbstractContextManager[tuple[ConsolePage, ServedNode, str]]:
    """Sign in with a token of a duty officer."""

    @contextmanager
    def sign_in() -> Iterator[tuple[ConsolePage, ServedNode, str]]:
        node = serving(is_guest=False)
        token = node.token_file.read_text(encoding="utf-8").strip()
        with console_at(browser, node.url) as window:
            window.page.locator("#token").fill(token)
            window.page.keyboard.press("Enter")
            window.verdict("conflict")
            yield window, node, token

    return sign_in()


def test_a_token_is_kept_nowhere_in_the_browser(
    signed_in: AbstractContextManager[tuple[ConsolePage, ServedNode, str]],
) -> None:
    with signed_in as (window, _, token):
        window.part("theme-select").select_option("dark")
        kept = window.page.evaluate(
            "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie,"
            " location.href, document.documentElement.outerHTML])"
        )
        cookies = window.page.context.cookies()
        assert token not in kept + "".join(window.requests) + json.dumps(cookies)
        assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies] == [(True, "Strict")]


def test_a_session_outlasts_a_reload_and_ends_with_signing_out(
    signed_in: AbstractContextManager[tuple[ConsolePage, ServedNode, str]],
) -> None:
    with signed_in as (window, _, _token):
        window.page.reload()
        window.verdict("conflict")
        window.part("sign-out").click()
        expect(window.part("sign-in")).to_be_visible()
        window.page.reload()
        expect(window.part("sign-in")).to_be_visible()


def test_a_token_that_is_not_good_is_refused_in_words(serving: Serving, browser: Browser) -> None:
    node = serving(is_guest=False)
    with console_at(browser, node.url) as window:
        window.page.locator("#token").fill("kc_not_a_token")
        window.page.keyboard.press("Enter")
        expect(window.page.get_by_role("alert")).not_to_be_empty()
        expect(window.part("sign-in")).to_be_visible()


def test_a_viewer_is_offered_no_changes(serving: Serving, browser: Browser) -> None:
    node = serving(is_guest=False)
    token = node.token_files[Role.VIEWER].read_text(encoding="utf-8").strip()
    with console_at(browser, node.url) as window:
        window.page.locator("#token").fill(token)
        window.page.keyboard.press("Enter")
        choose_own_conflict(window)
        expect(window.part("offer-changes")).to_have_count(0)
        window.part("tab-items").click()
        window.row("relief/drop").click()
        expect(window.part("item-detail")).to_be_visible()
        for test_id in ("amend", "withdraw", "state-event"):
            expect(window.part(test_id)).to_have_count(0)


def test_the_name_of_an_item_is_text_and_never_markup(serving: Serving, browser: Browser) -> None:
    node = serving([])
    name = "<img src=x onerror=alert(1)>"
    node.declare([replace(patrol(), id=ItemId(name)), own_drop()])
    with console_at(browser, node.url) as window:
        expect(window.conflicts().first).to_contain_text(name)
        window.part("tab-items").click()
        window.row(name.replace('"', '\\"')).click()
        expect(window.part("item-detail")).to_contain_text(name)
        assert window.page.locator("img[src=x]").count() == 0
