"""What the console shows of other parties: who has what, what was proposed, how the links are.

Two nodes with keys are served and linked, each with the console of its party; what officers say is signed
here, as it is in a terminal. One test has a node without keys.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import click
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Route, expect

from keepclear import cli
from keepclear.adapters import clock
from keepclear.codec import agreements
from keepclear.codec.f3548.volumes import encode_item
from keepclear.core.agreements import Agreement, Minima, Terms, Timers
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import (
    Acknowledgement,
    AgreementProposal,
    Answer,
    Change,
    LineChange,
    Objection,
    Proposal,
)
from keepclear.core.intents import ItemId, OperationalIntent, PartyId
from keepclear.core.times import TimeWindow
from tests.e2e.catalogues import LANGUAGES, catalogue
from tests.e2e.console_page import LATER_S, ConsolePage, console_at
from tests.e2e.linked import PartyNode, linked_nodes, ref
from tests.e2e.test_console import THEMES, axe_faults, raw_texts
from tests.e2e.world import OTHER, OWN, everything, own_drop, patrol
from tests.served import served_node, settings_of

pytestmark = pytest.mark.slow

DROP: Final = "relief/drop"
PATROL: Final = f"{OTHER}:north/patrol"
LATE_S: Final = 20.0
CUT_S: Final = 70.0
ENGLISH: Final = catalogue("en")
Nodes = tuple[PartyNode, PartyNode]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Serve two linked nodes with one conflict between their parties."""
    with linked_nodes(tmp_path, everything()) as both:
        yield both


def open_items(window: ConsolePage) -> None:
    """Open the list of items once what the other party has is there."""
    window.verdict("conflict", LATER_S)
    window.part("tab-items").click()


def marks(window: ConsolePage, item_id: str, party: str) -> Locator:
    """Return the signs of a party in the row of an item."""
    return window.row(item_id).locator(f'.receipt[data-party="{party}"]')


def expect_marks(signs: Locator, *, delivered: bool, seen: bool, answered: bool) -> None:
    """Wait until the three signs are so, each by itself."""
    for name, holds in (("delivered", delivered), ("seen", seen), ("answered", answered)):
        expect(signs).to_have_attribute(f"data-{name}", str(holds).lower(), timeout=LATER_S * 1000)
        expect(signs.locator(f".icon-{name}")).to_have_count(int(holds))


def later(item: OperationalIntent, minutes: float) -> OperationalIntent:
    """Return an operation at another time."""
    by = timedelta(minutes=minutes)
    moved = [
        replace(each, time=TimeWindow(start=each.time.start + by, end=each.time.end + by))
        for each in item.volumes
    ]
    return replace(item, volumes=tuple(moved))


def proposal(node: PartyNode, item: OperationalIntent, *, counters: str | None = None) -> Proposal:
    """Return a proposal that our operation is this instead."""
    first, second = sorted((ref(OWN, DROP), ref(OTHER, "north/patrol")))
    change = Change(item=ref(OWN, DROP), becomes=encode_item(item))
    name = next(node.nonces)
    return Proposal(id=f"{node.party}/{name}", conflict=(first, second), changes=(change,), counters=counters)


def commands(part: Locator) -> list[str]:
    """Return the commands that a part of the page offers; the program takes each."""
    offered = part.get_by_test_id("command").locator("code").all_inner_texts()
    for command in offered:
        expect_taken(command)
    return offered


def expect_taken(text: str) -> None:
    """Fail if the program would not take a command."""
    program, *words = shlex.split(text)
    assert program == "keepclear"
    command: click.Command | None = cli.main
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, text
    reason = ["because"] if command.name == "object" else []  # the page says that it must be added
    command.make_context(command.name, [*words, *reason])


# -- receipts ---------------------------------------------------------------------------------------


def test_what_is_declared_is_shown_as_delivered_then_seen_then_answered_each_apart(
    nodes: Nodes, browser: Browser
) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        open_items(window)
        signs = marks(window, DROP, OTHER)
        expect_marks(signs, delivered=True, seen=False, answered=False)
        expect(signs).to_have_attribute("aria-label", re.compile(str(ENGLISH["receipts.not_seen"])))
        window.row(DROP).click()
        row = window.page.locator(f'[data-testid="receipt-row"][data-party="{OTHER}"]')
        expect(row).not_to_contain_text(other.person)

        other.say(Acknowledgement(items=(ref(OWN, DROP),)))
        expect_marks(signs, delivered=True, seen=True, answered=False)
        expect(row).to_contain_text(other.person)

        other.say(Objection(item=ref(OWN, DROP), reason="the drop zone is ours"))
        expect_marks(signs, delivered=True, seen=True, answered=True)
        expect(row).to_contain_text(str(ENGLISH["answered.objected"]))


def test_an_amendment_is_delivered_and_seen_anew(nodes: Nodes, browser: Browser) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        open_items(window)
        signs = marks(window, DROP, OTHER)
        expect_marks(signs, delivered=True, seen=False, answered=False)
        other.say(Acknowledgement(items=(ref(OWN, DROP),)))
        expect_marks(signs, delivered=True, seen=True, answered=False)
        own.change(lambda declaring: declaring.amend(later(own_drop(), 1), version=1))
        expect_marks(signs, delivered=True, seen=False, answered=False)


def test_how_far_an_item_is_coordinated_is_a_word_with_a_sign(nodes: Nodes, browser: Browser) -> None:
    own, _ = nodes
    with console_at(browser, own.url) as window:
        open_items(window)
        word = window.row(f"{OTHER}:north/away").get_by_test_id("coordination")
        expect(word).to_contain_text(str(ENGLISH["coordination.waiting"]))
        expect(window.part("unacknowledged")).to_contain_text("3")
        own.say(Acknowledgement(items=(ref(OTHER, "north/away"),)))
        expect(word).to_contain_text(str(ENGLISH["coordination.coordinated"]))
        expect(word.locator("svg")).to_have_count(1)
        expect(window.part("unacknowledged")).to_contain_text("2")
        expect(window.row(PATROL).get_by_test_id("coordination")).to_have_attribute(
            "data-state", re.compile("contested|conflicting")
        )
        window.part("filter-coordination").select_option("unacknowledged")
        expect(window.row(PATROL)).to_have_count(1)
        expect(window.row(f"{OTHER}:north/away")).to_have_count(0)


def test_receipts_that_cannot_be_asked_for_are_called_unknown_and_never_seen(
    nodes: Nodes, browser: Browser
) -> None:
    own, other = nodes
    other.say(Acknowledgement(items=(ref(OWN, DROP),)))

    def refuse(context: BrowserContext) -> None:
        context.route("**/v1/coordination*", lambda route: route.fulfill(status=503, json={"title": "busy"}))

    with console_at(browser, own.url, prepare=refuse) as window:
        open_items(window)
        expect(window.part("coordination-failed")).to_contain_text("busy")
        receipts = window.row(DROP).get_by_test_id("receipts")
        expect(receipts).to_have_attribute("data-state", "unknown")
        expect(receipts).to_contain_text(str(ENGLISH["receipts.unknown"]))
        expect(receipts.locator(".icon-seen")).to_have_count(0)
        window.row(DROP).click()
        expect(window.part("receipts-detail")).to_have_attribute("data-state", "unknown")


def test_acknowledging_is_a_command_that_can_be_copied_without_leave(nodes: Nodes, browser: Browser) -> None:
    own, _ = nodes
    with console_at(browser, own.url) as window:
        open_items(window)
        window.row(PATROL).click()
        detail = window.part("receipts-detail")
        expect(detail.get_by_test_id("command")).to_have_count(2)
        assert commands(detail) == [f"keepclear ack {PATROL}", f"keepclear object {PATROL}"]
        detail.get_by_test_id("copy").first.click()
        assert window.page.evaluate("() => getSelection().toString()") == f"keepclear ack {PATROL}"
        own.say(Acknowledgement(items=(ref(OTHER, "north/patrol"),)))
        expect(detail.get_by_test_id("command")).to_have_count(1)


# -- links ------------------------------------------------------------------------------------------


def test_a_link_is_cut_after_a_question_and_mended_without_one(nodes: Nodes, browser: Browser) -> None:
    own, _ = nodes
    with console_at(browser, own.url) as window:
        window.verdict("conflict", LATER_S)
        window.part("tab-parties").click()
        link = window.part("peer-link")
        expect(link).to_have_attribute("data-state", "up", timeout=LATER_S * 1000)
        expect(window.part("link-banner")).to_have_count(0)
        window.part("cut-link").click()
        expect(link).to_have_attribute("data-state", "up")
        window.part("cut-confirm").click()
        expect(link).to_have_attribute("data-state", "off")
        expect(window.part("link-banner")).to_contain_text(OTHER)
        window.part("mend-link").click()
        expect(window.part("link-banner")).to_have_count(0, timeout=LATER_S * 1000)
        expect(link).to_have_attribute("data-state", "up", timeout=LATER_S * 1000)


def test_whoever_is_not_heard_is_named_on_every_panel_with_the_time(nodes: Nodes, browser: Browser) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        window.verdict("conflict", LATER_S)
        other.hear_from(own, heard=False)
        own.ahead_s = LATE_S
        banner = window.part("link-banner")
        expect(banner).to_have_attribute("data-state", "late", timeout=LATER_S * 1000)
        own.ahead_s = CUT_S
        expect(banner).to_have_attribute("data-state", "cut", timeout=LATER_S * 1000)
        expect(banner).to_contain_text("Nothing heard from")
        expect(banner).to_contain_text(OTHER)
        expect(banner).to_contain_text(f"{clock.now():%H:}")
        for panel in ("items", "declare", "parties"):
            window.part(f"tab-{panel}").click()
            expect(banner).to_be_visible()
        own.ahead_s = 0.0
        other.hear_from(own, heard=True)
        expect(banner).to_have_count(0, timeout=LATER_S * 1000)


def test_the_panel_tells_how_far_each_side_has_the_logs(nodes: Nodes, browser: Browser) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        window.verdict("conflict", LATER_S)
        window.part("tab-parties").click()
        ours = window.part("ours-there")
        expect(ours).to_contain_text(str(ENGLISH["parties.all"]), timeout=LATER_S * 1000)
        other.hear_from(own, heard=False)
        own.declare(replace(own_drop(), id=ItemId("relief/second")))
        expect(ours).to_contain_text(re.compile(r"[1-9]\d*\W* missing"))


def test_a_log_that_is_frozen_alarms_on_every_panel(nodes: Nodes, browser: Browser) -> None:
    own, _ = nodes

    def freeze(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        for party in told["parties"]:
            if party["id"] == OTHER:
                party["log"]["frozen"] = "entry 3 is another than the one held"
        route.fulfill(response=answer, json=told)

    with console_at(
        browser, own.url, prepare=lambda context: context.route("**/v1/parties", freeze)
    ) as window:
        banner = window.part("frozen-banner")
        expect(banner).to_contain_text(OTHER)
        expect(banner).to_contain_text("entry 3 is another")
        banner.get_by_role("button").click()
        expect(window.page.locator(f'[data-testid="party"][data-party="{OTHER}"]')).to_contain_text("entry 3")
        expect(banner).to_be_visible()


# -- what was proposed, and what was had ------------------------------------------------------------


def test_a_proposal_shows_who_must_answer_what_would_change_and_how_to_answer(
    nodes: Nodes, browser: Browser
) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        window.verdict("conflict", LATER_S)
        window.conflicts().first.click()
        part = window.part("negotiations")
        expect(part.get_by_test_id("no-proposals")).to_be_visible()
        assert commands(part) == [f"keepclear propose {DROP} {PATROL}"]

        said = proposal(other, later(own_drop(), 45))
        other.say(said)
        shown = part.get_by_test_id("proposal")
        expect(shown).to_have_attribute("data-state", "proposed", timeout=LATER_S * 1000)
        expect(window.part("waiting-proposals")).to_contain_text(DROP)
        assert commands(shown) == [f"keepclear {verb} {said.id}" for verb in ("accept", "decline", "counter")]
        expect(shown.get_by_test_id("proposed-change")).to_contain_text(re.compile(r"4[45]\W* min"))

        window.page.mouse.move(0, 0)
        before = window.rested_ink()
        shown.get_by_test_id("show-proposal").focus()
        window.until(lambda: window.ink() != before, "what is proposed is drawn")

        own.say(Answer(proposal=said.id, is_accepted=False, reason="too late for us"))
        expect(shown).to_have_attribute("data-state", "declined")
        expect(shown).to_contain_text("too late for us")
        assert commands(shown) == []
        expect(window.part("waiting-proposals")).to_have_count(0)


def test_a_proposal_of_ours_waits_for_the_other_and_can_be_taken_back(nodes: Nodes, browser: Browser) -> None:
    own, _ = nodes
    with console_at(browser, own.url) as window:
        window.verdict("conflict", LATER_S)
        window.conflicts().first.click()
        said = proposal(own, later(own_drop(), 45))
        own.say(said)
        shown = window.part("proposal")
        expect(shown).to_contain_text(str(ENGLISH["negotiation.waits_for"]))
        assert commands(shown) == [f"keepclear withdraw-proposal {said.id}"]


def test_what_a_party_had_and_had_seen_is_told_for_the_time_that_is_chosen(
    nodes: Nodes, browser: Browser
) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        open_items(window)
        expect_marks(marks(window, DROP, OTHER), delivered=True, seen=False, answered=False)
        other.say(Acknowledgement(items=(ref(OWN, DROP),)))
        expect_marks(marks(window, DROP, OTHER), delivered=True, seen=True, answered=False)
        window.part("tab-parties").click()
        row = window.page.locator(f'[data-testid="had-row"][data-id="{DROP}"]')

        def is_seen() -> bool:  # it is asked for the last whole second, which may be before the answer came
            window.part("had-ask").click()
            expect(row.locator(".icon-delivered")).to_have_count(1)
            return row.locator(".icon-seen").count() == 1

        window.until(is_seen, "what was seen is told")
        expect(row.locator(".icon-answered")).to_have_count(0)
        expect(row).to_contain_text(other.person)
        expect(row.locator(".no")).to_have_count(1)

        window.part("had-at").fill(f"{clock.now() - timedelta(days=1):%Y-%m-%d %H:%M:%S}")
        window.part("had-ask").click()
        expect(row).to_have_count(0)
        expect(window.part("had-answer")).to_contain_text(str(ENGLISH["had.nothing"]))


def agreement() -> Agreement:
    """Return an agreement of the two parties."""
    return Agreement(
        version=1,
        terms=(Terms(party=PartyId(OTHER)), Terms(party=PartyId(OWN))),
        minima=Minima(lateral_m=5_556.0, vertical_m=914.4, duration_s=180.0),
        buffer=Buffer(lateral_m=500.0, vertical_m=100.0, time_s=60.0),
        timers=Timers(seen_s=60.0, answered_s=300.0),
    )


def test_agreements_and_holds_are_shown_with_what_they_mean(nodes: Nodes, browser: Browser) -> None:
    own, other = nodes
    with console_at(browser, own.url) as window:
        window.verdict("conflict", LATER_S)
        window.part("tab-parties").click()
        expect(window.part("agreements")).to_contain_text(str(ENGLISH["agreements.none"]))
        said = AgreementProposal(text=agreements.encode(agreement()))
        other.say(said)
        shown = window.part("agreement")
        expect(shown).to_have_attribute("data-standing", "proposed", timeout=LATER_S * 1000)
        expect(shown).to_contain_text(re.compile(r"5,556\W* m\W*914\.4\W* m"))
        accept, _ = commands(shown)
        assert accept.startswith("keepclear agree accept ")
        own.say(said)
        expect(shown).to_have_attribute("data-standing", "in_force")
        assert commands(shown) == []
        other.say(LineChange(peer=own.party, is_hold=True, reason="talks are over"))
        expect(window.part("hold")).to_contain_text("talks are over", timeout=LATER_S * 1000)


# -- everywhere -------------------------------------------------------------------------------------


def test_a_node_without_keys_shows_none_of_it_and_no_error(tmp_path: Path, browser: Browser) -> None:
    with served_node(tmp_path, settings=settings_of(tmp_path), is_guest=True, clock=clock.now) as node:
        node.declare([patrol()])
        with console_at(browser, node.url) as window:
            window.verdict("clear")
            window.part("tab-items").click()
            expect(window.row("north/patrol")).to_be_visible()
            window.until(lambda: any(url.endswith("/v1/parties") for url in window.requests), "it was asked")
            window.row("north/patrol").click()
            for test_id in (
                "tab-parties",
                "receipts",
                "receipts-detail",
                "filter-coordination",
                "link-banner",
            ):
                expect(window.part(test_id)).to_have_count(0)
            expect(window.page.locator(".signs-legend")).to_have_count(0)


def views(window: ConsolePage) -> Iterator[str]:
    """Go through what is shown of other parties, and name each."""
    window.part("tab-conflicts").click()
    if window.conflicts().first.get_attribute("aria-expanded") != "true":
        window.conflicts().first.click()
    expect(window.part("proposal")).to_be_visible(timeout=LATER_S * 1000)
    yield "a conflict and what was proposed"
    window.part("tab-items").click()
    window.row(PATROL).click()
    expect(window.part("receipts-detail")).to_have_attribute("data-state", "known")
    yield "an item of the other party"
    window.part("tab-parties").click()
    expect(window.part("hold")).to_be_visible(timeout=LATER_S * 1000)
    expect(window.part("agreement")).to_be_visible()
    if window.part("had-answer").count() == 0:
        window.part("had-ask").click()
    expect(window.part("had-row")).to_be_visible()
    window.page.evaluate(
        "() => document.querySelectorAll('.panel details').forEach((each) => { each.open = true; })"
    )
    yield "the parties"
    window.part("cut-link").click()
    expect(window.part("cut-confirm")).to_be_visible()
    yield "the question before a link is cut"
    window.page.keyboard.press("Escape")
    expect(window.part("cut-confirm")).to_have_count(0)


def say_something(own: PartyNode, other: PartyNode) -> None:
    """Have the parties say one thing of each kind."""
    other.say(Acknowledgement(items=(ref(OWN, DROP),)))
    other.say(proposal(other, later(own_drop(), 45)))
    other.say(AgreementProposal(text=agreements.encode(agreement())))
    other.say(LineChange(peer=own.party, is_hold=True, reason="talks are over"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_of_it_is_in_each_language_and_without_barriers_in_every_theme(
    nodes: Nodes, browser: Browser, axe: str, language: str
) -> None:
    own, other = nodes
    say_something(own, other)
    with console_at(browser, own.url, language=language) as window:
        window.verdict("conflict", LATER_S)
        window.page.evaluate(axe)
        found = {}
        for view in views(window):
            assert raw_texts(window.page) == [], view
            for theme in THEMES:
                window.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
                if faults := axe_faults(window):
                    found[view, theme] = faults
        assert found == {}
        for command in window.page.locator(".command code").all():
            assert command.evaluate("(element) => getComputedStyle(element).direction") == "ltr"


def test_all_of_it_can_be_done_by_keys_alone(nodes: Nodes, browser: Browser) -> None:
    own, _ = nodes
    with console_at(browser, own.url) as window:
        keys = window.page.keyboard
        window.verdict("conflict", LATER_S)
        expect(window.part("tab-parties")).to_be_visible()
        keys.press("p")
        expect(window.part("peer-link")).to_have_attribute("data-state", "up", timeout=LATER_S * 1000)
        window.tab_to("had-ask")
        keys.press("Enter")
        expect(window.part("had-answer")).to_be_visible()
        keys.press("j")
        window.tab_to("copy")
        keys.press("Enter")
        assert str(window.page.evaluate("() => getSelection().toString()")).startswith("keepclear propose ")
        keys.press("p")
        window.tab_to("cut-link")
        keys.press("Enter")
        window.tab_to("cut-confirm")
        keys.press("Enter")
        expect(window.part("link-banner")).to_have_attribute("data-state", "off")
        window.tab_to("mend-link")
        keys.press("Enter")
        expect(window.part("link-banner")).to_have_count(0, timeout=LATER_S * 1000)
