"""The hotline in the console: officers unlock their keys in the browser, and people of two parties talk.

Two nodes with keys are served and linked, each with the console of its party. What officers say here is
signed in the browser, with a key that a passphrase locks, as `keepclear keys` writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Request, Route, expect

from keepclear.adapters import clock
from keepclear.adapters.keys import write_locked_key
from keepclear.core.deeds import DutyChange, LineChange
from keepclear.core.intents import PartyId
from keepclear.core.messages import (
    MESSAGES,
    Code,
    Height,
    HeightAbove,
    Message,
    Nature,
    Position,
    Unit,
    Value,
)
from keepclear.core.times import floor_ms
from tests.e2e.catalogues import LANGUAGES, catalogue
from tests.e2e.console_page import LATER_S, ConsolePage, console_at
from tests.e2e.linked import PartyNode, linked_nodes, ref
from tests.e2e.test_console import THEMES, axe_faults, raw_texts
from tests.e2e.test_coordination import commands
from tests.e2e.world import OTHER, OWN, everything

pytestmark = pytest.mark.slow

PASSPHRASE: Final = "correct horse battery staple"
DROP: Final = "relief/drop"
PATROL: Final = f"{OTHER}:north/patrol"
ENGLISH: Final = catalogue("en")
Nodes = tuple[PartyNode, PartyNode]
Prepare = Callable[[BrowserContext], Any]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    """Serve two linked nodes with one conflict between their parties."""
    with linked_nodes(tmp_path, everything()) as both:
        yield both


@pytest.fixture
def window_of(browser: Browser) -> Iterator[Callable[..., ConsolePage]]:
    """Open consoles that are closed, and looked at, in the end."""
    with ExitStack() as stack:

        def opened(node: PartyNode, **options: Any) -> ConsolePage:
            console: AbstractContextManager[ConsolePage] = console_at(browser, node.url, **options)
            window = stack.enter_context(console)
            window.verdict("conflict", LATER_S)
            return window

        yield opened


def key_file(node: PartyNode, folder: Path) -> Path:
    """Return the file with the officer's key, locked."""
    file = folder / f"{node.person}.key"
    if not file.exists():
        write_locked_key(file, node.officer, PASSPHRASE, is_for_show=True)
    return file


def offer_key(window: ConsolePage, file: Path, passphrase: str = PASSPHRASE) -> None:
    """Choose a key file, type a passphrase and try to unlock it."""
    if not window.part("key-form").is_visible():
        window.part("open-key").click()
    window.part("key-file").set_input_files(file)
    window.part("key-passphrase").fill(passphrase)
    window.part("unlock-key").click()


def unlock(window: ConsolePage, node: PartyNode, folder: Path) -> None:
    """Unlock the officer's key in a window, and open the hotline."""
    offer_key(window, key_file(node, folder))
    expect(window.part("key-unlocked")).to_contain_text(node.person)
    window.part("tab-hotline").click()


def confirm(window: ConsolePage) -> None:
    """Sign what the page shows, once it was checked."""
    expect(window.part("signing")).to_have_attribute("data-status", "ready")
    window.part("confirm-signing").click()
    expect(window.part("signing")).to_have_count(0)


def card(window: ConsolePage, code: str) -> Locator:
    """Return the message with a code in the list, the newest."""
    return window.page.locator(f'[data-testid="message"][data-code="{code}"]').first


def expect_state(window: ConsolePage, code: str, state: str) -> None:
    """Wait until a message is so."""
    expect(card(window, code)).to_have_attribute("data-state", state, timeout=LATER_S * 1000)


def answer(window: ConsolePage, code: str, with_code: str) -> None:
    """Answer a message by one of its buttons."""
    button = card(window, code).locator(f'[data-testid="answer"][data-code="{with_code}"]')
    expect(button).to_be_visible(timeout=LATER_S * 1000)
    button.click()


def message(code: Code, to: str, *, exercise: str | None = None, **values: Value) -> Message:
    """Return a message with what is usual for its code."""
    of = MESSAGES[code]
    return Message(
        code=code,
        to=PartyId(to),
        fields=tuple((field.name, values[field.name]) for field in of.fields if field.name in values),
        priority=of.priority,
        valid_until_ms=floor_ms(clock.now()) // 1000 * 1000 + of.valid_s * 1000,
        drill=exercise,
    )


def distress(to: str, exercise: str | None = None) -> Message:
    """Return a call for help."""
    return message(
        Code.DISTRESS,
        to,
        exercise=exercise,
        call_sign="NORTH12",
        nature=Nature.ENGINE,
        at=Position(latitude_e5=3_500_000, longitude_e5=3_600_000),
        height=Height(value=1_200, unit=Unit.FEET, above=HeightAbove.SEA),
        persons=3,
    )


# -- the key ----------------------------------------------------------------------------------------


def test_an_officer_unlocks_a_key_in_the_browser_and_neither_it_nor_the_passphrase_leaves_the_page(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    sent: list[str] = []

    def look(request: Request) -> None:
        sent.append(request.url + (request.post_data or "") + json.dumps(request.headers))

    window = window_of(own, prepare=lambda context: context.on("request", look))
    unlock(window, own, tmp_path)
    window.part("line-test").click()
    confirm(window)
    expect_state(window, "line_test", "open")
    assert any("/v1/deeds" in each for each in sent)
    secret = key_file(own, tmp_path).read_text().splitlines()[2]
    assert [each for each in sent if PASSPHRASE in each or secret in each] == []
    kept = window.page.evaluate(
        "() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])"
    )
    assert PASSPHRASE not in kept
    assert "kid" not in kept


def test_a_wrong_passphrase_and_a_file_that_is_no_key_are_refused_in_words(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    window = window_of(own)
    offer_key(window, key_file(own, tmp_path), "correct horse battery stapler")
    expect(window.part("key-refused")).to_contain_text(str(ENGLISH["key.refused.wrong"]))
    note = tmp_path / "note.txt"
    note.write_text("not a key")
    offer_key(window, note)
    expect(window.part("key-refused")).to_contain_text(str(ENGLISH["key.refused.no_key_file"]))
    expect(window.part("key-unlocked")).to_have_count(0)


def test_a_key_is_locked_on_demand_and_with_the_session(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    window = window_of(own)
    unlock(window, own, tmp_path)
    expect(window.part("line-test")).to_be_visible()
    window.part("lock-key").click()
    expect(window.part("open-key")).to_be_visible()
    expect(window.part("line-test")).to_have_count(0)
    unlock(window, own, tmp_path)
    window.page.reload()
    expect(window.part("open-key")).to_be_visible()
    expect(window.part("key-unlocked")).to_have_count(0)


def test_a_page_that_did_not_come_safely_says_why_there_are_no_keys(
    nodes: Nodes, window_of: Callable[..., ConsolePage]
) -> None:
    own, _ = nodes
    unsafe = "Object.defineProperty(globalThis, 'isSecureContext', { value: false });"
    window = window_of(own, prepare=lambda context: context.add_init_script(unsafe))
    window.part("open-key").click()
    expect(window.page.locator("dialog[open]")).to_contain_text(str(ENGLISH["key.refused.not_secure"]))
    expect(window.part("key-form")).to_have_count(0)


def test_a_text_that_says_something_else_than_was_asked_is_never_signed(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes

    def falsify(route: Route) -> None:
        reply = route.fetch()
        told = reply.json()
        payload = json.loads(told["payload"])
        payload["message"]["code"] = "request_resume"
        route.fulfill(response=reply, json=told | {"payload": json.dumps(payload, separators=(",", ":"))})

    window = window_of(own, prepare=lambda context: context.route("**/v1/drafts", falsify))
    unlock(window, own, tmp_path)
    window.part("line-test").click()
    expect(window.part("signing-differs")).to_contain_text("message.code")
    expect(window.part("confirm-signing")).to_be_disabled()
    window.part("cancel-signing").click()
    assert [url for url in window.requests if url.endswith("/v1/deeds")] == []


def test_who_unlocks_no_key_has_commands_that_the_program_takes(
    nodes: Nodes, window_of: Callable[..., ConsolePage]
) -> None:
    own, other = nodes
    other.say(message(Code.REQUEST_RESUME, OWN))
    window = window_of(own)
    window.part("tab-hotline").click()
    shown = card(window, "request_resume")
    shown.locator("summary").click(timeout=LATER_S * 1000)
    offered = commands(shown)
    number = shown.get_attribute("data-number")
    assert offered[0] == f"keepclear read '{number}'"
    assert f"keepclear answer '{number}' will_comply" in offered


# -- talking ----------------------------------------------------------------------------------------


def test_a_line_test_is_delivered_then_seen_then_answered_each_shown_apart_on_both_sides(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    ours, theirs = window_of(own), window_of(other)
    unlock(ours, own, tmp_path)
    unlock(theirs, other, tmp_path)
    ours.part("line-test").click()
    expect(ours.part("signing-text")).to_contain_text(re.compile("line test", re.IGNORECASE))
    confirm(ours)
    receipts = card(ours, "line_test").get_by_test_id("message-receipts")
    expect(receipts).to_have_attribute("data-delivered", "true", timeout=LATER_S * 1000)
    expect(receipts).to_have_attribute("data-seen", "false")

    card(theirs, "line_test").get_by_test_id("mark-seen").click()
    confirm(theirs)
    expect(receipts).to_have_attribute("data-seen", "true", timeout=LATER_S * 1000)
    expect(receipts).to_have_attribute("data-answered", "false")
    answer(theirs, "line_test", "roger")
    confirm(theirs)
    for window in (ours, theirs):
        expect_state(window, "line_test", "closed")
    expect(receipts).to_have_attribute("data-answered", "true")
    expect(receipts).to_contain_text(other.person)


def write(window: ConsolePage, code: str, **fields: str) -> None:
    """Write a message and sign it; fields are filled in or chosen."""
    window.part("compose-to-party").click()
    window.part("compose-code").select_option(code)
    for name, value in fields.items():
        field = window.part(f"field-{name.replace('_', '-') if name.endswith(('_lat', '_lng')) else name}")
        if field.evaluate("(element) => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    window.part("send").click()
    confirm(window)
    expect(window.part("compose")).to_have_count(0)


def test_two_officers_talk_a_conflict_through_until_one_complies(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    ours, theirs = window_of(own), window_of(other)
    unlock(ours, own, tmp_path)
    unlock(theirs, other, tmp_path)

    write(ours, "notice_operation", item=DROP, begins="2030-05-01 10:42:00")
    answer(theirs, "notice_operation", "roger")
    confirm(theirs)
    expect_state(ours, "notice_operation", "closed")

    write(theirs, "conflict_notice", ours="north/patrol", yours=f"{OWN}:{DROP}")
    answer(ours, "conflict_notice", "roger")
    confirm(ours)
    expect_state(theirs, "conflict_notice", "closed")

    write(ours, "request_later", item=PATROL, later="45")
    answer(theirs, "request_later", "unable")
    card(theirs, "request_later").locator('[data-testid="reason"][data-reason="fuel"]').click()
    confirm(theirs)
    expect_state(ours, "request_later", "closed")
    expect(card(ours, "request_later").get_by_test_id("answer-title")).to_contain_text(
        re.compile("unable", re.IGNORECASE)
    )

    write(theirs, "request_level", item=f"{OWN}:{DROP}", lower="300", upper="350")
    answer(ours, "request_level", "standby")
    confirm(ours)
    expect_state(theirs, "request_level", "standby")
    answer(ours, "request_level", "will_comply")
    confirm(ours)
    expect_state(theirs, "request_level", "closed")


def test_a_proposal_is_made_countered_and_accepted_by_buttons_where_a_key_is_unlocked(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    ours, theirs = window_of(own), window_of(other)
    for window, node in ((ours, own), (theirs, other)):
        unlock(window, node, tmp_path)
        window.part("tab-conflicts").click()
        window.conflicts().first.click()
    expect(ours.part("negotiations").get_by_test_id("command")).to_have_count(0)
    ours.page.locator(f'[data-testid="suggest"][data-id="{DROP}"]').click()
    ours.part("propose").first.click()
    confirm(ours)
    for window in (ours, theirs):
        expect(window.part("proposal")).to_have_attribute("data-state", "proposed", timeout=LATER_S * 1000)
    theirs.part("proposal").locator('[data-testid="suggest"][data-id="north/patrol"]').click()
    theirs.part("propose").first.click()
    confirm(theirs)
    waiting = ours.page.locator('[data-testid="proposal"][data-state="proposed"]')
    expect(waiting.get_by_test_id("act-accept")).to_be_visible(timeout=LATER_S * 1000)
    waiting.get_by_test_id("act-accept").click()
    confirm(ours)
    for window in (ours, theirs):
        window.verdict("clear", LATER_S)


def test_an_item_is_acknowledged_and_objected_to_by_buttons(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    window = window_of(own)
    unlock(window, own, tmp_path)
    window.part("tab-items").click()
    window.row(PATROL).click()
    window.part("act-ack").click()
    confirm(window)
    expect(window.part("act-ack")).to_have_count(0)
    window.part("act-object").click()
    expect(window.part("act-submit")).to_be_disabled()
    window.part("act-reason").fill("it crosses our hospital flight")
    window.part("act-submit").click()
    confirm(window)
    row = window.page.locator(f'[data-testid="receipt-row"][data-party="{OWN}"]')
    expect(row).to_contain_text(str(ENGLISH["answered.objected"]))


def test_a_place_is_picked_on_the_map_and_shown_as_it_will_be_read_out(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    window = window_of(own)
    unlock(window, own, tmp_path)
    window.part("compose-to-party").click()
    window.part("compose-code").select_option("persons_at")
    expect(window.part("send")).to_be_disabled()
    window.part("pick-at").click()
    window.rested_ink_of_items()
    window.part("map").click(position={"x": 300, "y": 200})
    latitude = window.part("field-at-lat")
    expect(latitude).to_have_value(re.compile(r"^3[45]\.\d+$"))
    expect(window.part("pick-at")).to_have_attribute("aria-pressed", "false")
    window.part("field-radius").fill("500")
    window.part("field-nature").select_option("medical")
    window.part("send").click()
    expect(window.part("signing-text")).to_contain_text(latitude.input_value()[:6])
    confirm(window)
    expect(card(window, "persons_at")).to_be_visible()


def test_a_message_is_corrected_by_another_and_struck_through(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    own.say(message(Code.FREE_TEXT, OTHER, text="we return at noon"))
    window = window_of(own)
    unlock(window, own, tmp_path)
    card(window, "free_text").get_by_test_id("correct").click()
    window.part("field-text").fill("we return at one")
    window.part("send").click()
    confirm(window)
    first = window.page.locator('[data-testid="message"][data-code="free_text"]').last
    expect(first.locator("s")).to_contain_text("at noon", timeout=LATER_S * 1000)
    expect(first).to_have_attribute("data-state", "corrected")


def test_officers_go_on_duty_with_a_telephone_and_both_sides_show_it(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    ours, theirs = window_of(own), window_of(other)
    unlock(ours, own, tmp_path)
    theirs.part("tab-hotline").click()
    ours.part("duty").locator("summary").click()
    ours.part("duty-telephone").fill("+963 11 555 0100")
    ours.part("go-on-duty").click()
    confirm(ours)
    expect(ours.part("duty-here")).to_contain_text("+963 11 555 0100", timeout=LATER_S * 1000)
    expect(theirs.part("duty-there")).to_contain_text(own.person, timeout=LATER_S * 1000)
    ours.part("go-off-duty").click()
    confirm(ours)
    expect(theirs.part("duty-there")).to_contain_text(str(ENGLISH["channel.nobody"]), timeout=LATER_S * 1000)


# -- what nobody may overlook -----------------------------------------------------------------------


def test_who_is_in_distress_is_shown_on_every_panel_in_the_title_and_until_somebody_answers(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    window = window_of(own)
    unlock(window, own, tmp_path)
    other.say(message(Code.NOTICE_END, OWN, item=ref(OTHER, "north/patrol")))
    other.say(distress(OWN))
    call = window.part("call")
    expect(call).to_have_attribute("data-priority", "distress", timeout=LATER_S * 1000)
    expect(call).to_contain_text("NORTH12")
    for panel in ("conflicts", "items", "declare", "parties"):
        window.part(f"tab-{panel}").click()
        expect(call).to_be_visible()
    window.until(lambda: window.page.title().startswith("[DISTRESS"), "the title calls")
    call.get_by_test_id("show-hotline").click()
    answer(window, "distress", "roger")
    confirm(window)
    expect(call).to_have_count(0, timeout=LATER_S * 1000)
    window.until(lambda: not window.page.title().startswith("[DISTRESS"), "the title is calm again")


def test_the_place_of_a_message_is_drawn_on_the_map(
    nodes: Nodes, window_of: Callable[..., ConsolePage]
) -> None:
    own, other = nodes
    other.say(distress(OWN))
    window = window_of(own)
    window.part("tab-hotline").click()
    shown = card(window, "distress").get_by_test_id("show-place")
    expect(shown).to_be_visible(timeout=LATER_S * 1000)
    before = window.rested_ink()
    shown.click()
    window.until(lambda: window.ink() != before, "the place is drawn")


def test_an_exercise_is_marked_and_never_calls_like_what_is_meant(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    other.say(distress(OWN, exercise="friday"))
    window = window_of(own)
    unlock(window, own, tmp_path)
    shown = card(window, "distress")
    expect(shown.locator(".exercise-mark")).to_contain_text(
        re.compile(f"{ENGLISH['message.exercise']}.*friday", re.IGNORECASE)
    )
    expect(window.part("call")).to_have_count(0)
    answer(window, "distress", "roger")
    expect(window.part("signing").locator(".exercise-mark")).to_contain_text("friday")
    confirm(window)
    expect_state(window, "distress", "closed")


def test_tones_are_heard_after_the_first_touch_and_are_silent_for_a_minute_at_most(
    nodes: Nodes, window_of: Callable[..., ConsolePage]
) -> None:
    own, _ = nodes
    window = window_of(own, prepare=lambda context: context.add_init_script(QUICK_CLOCK))
    expect(window.part("tab-hotline")).to_be_visible()
    window.page.evaluate("() => document.getElementById('tab-hotline').click()")  # nobody touched the page
    sound = window.part("sound")
    expect(sound).to_have_attribute("data-allowed", "false")
    expect(sound).to_contain_text(str(ENGLISH["sound.off"]))
    window.part("test-sound").click()
    expect(sound).to_have_attribute("data-allowed", "true")
    window.part("mute-sound").click()
    expect(sound).to_have_attribute("data-muted", "true")
    window.page.evaluate("() => { window.ahead_ms = 61000; }")
    expect(sound).to_have_attribute("data-muted", "false")


QUICK_CLOCK: Final = """
window.ahead_ms = 0;
const now = performance.now.bind(performance);
performance.now = () => now() + window.ahead_ms;
"""


def test_a_line_that_is_held_is_told_on_every_panel_of_both_sides_with_what_applies(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    ours, theirs = window_of(own), window_of(other)
    unlock(ours, own, tmp_path)
    ours.part("hold-line").click()
    expect(ours.part("hold-confirm")).to_be_disabled()
    ours.part("hold-reason").fill("talks are over")
    ours.part("hold-confirm").click()
    confirm(ours)
    for window in (ours, theirs):
        banner = window.part("line-banner")
        expect(banner).to_have_attribute("data-state", "hold", timeout=LATER_S * 1000)
        window.part("tab-items").click()
        expect(banner).to_be_visible()
    ours.part("tab-hotline").click()
    expect(ours.part("channel-hold")).to_contain_text("talks are over")
    ours.part("resume-line").click()
    confirm(ours)
    for window in (ours, theirs):
        expect(window.part("line-banner")).to_have_count(0, timeout=LATER_S * 1000)


def test_a_hotline_that_cannot_be_asked_is_called_not_current_and_no_line_open(
    nodes: Nodes, window_of: Callable[..., ConsolePage]
) -> None:
    own, _ = nodes
    window = window_of(own)
    window.part("tab-hotline").click()
    expect(window.part("channel-state")).to_be_visible()
    window.page.context.route(
        "**/v1/channels", lambda route: route.fulfill(status=503, json={"title": "busy"})
    )
    expect(window.part("hotline-stale")).to_contain_text("busy", timeout=LATER_S * 1000)
    expect(window.part("channel-state")).to_have_attribute("data-state", "unknown")
    window.part("tab-items").click()
    expect(window.part("hotline-failed")).to_be_visible()
    expect(window.part("tab-hotline")).to_contain_text("?")


# -- by voice, while the link is cut ------------------------------------------------------------------


def spoken(part: Locator) -> str:
    """Return the symbols that one officer reads out."""
    return part.locator(".symbols").inner_text()


def test_two_officers_check_by_voice_that_they_hold_the_same_picture(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    windows = window_of(own), window_of(other)
    for window, node in zip(windows, nodes, strict=True):
        unlock(window, node, tmp_path)
    for one, two in ((own, other), (other, own)):
        one.hear_from(two, heard=False)
    for window in windows:
        window.part("voice-check").click()
        expect(window.part("voice-held")).to_be_visible()
    for window, node in zip(windows, reversed(nodes), strict=True):
        for party in (OWN, OTHER):
            window.part(f"voice-size-{party}").fill(str(node.size_of(PartyId(party))))
        window.part("voice-freeze").click()
        expect(window.part("voice-challenge")).to_be_visible()
    challenges = [spoken(window.part("voice-challenge")) for window in windows]
    for window, heard in zip(windows, reversed(challenges), strict=True):
        window.part("voice-their-challenge").fill(heard)
        window.part("voice-challenged").click()
        expect(window.part("voice-ours")).to_be_visible()
    halves = [spoken(window.part("voice-ours")) for window in windows]
    ours, _ = windows
    ours.part("voice-heard").fill("0000")
    expect(ours.part("voice-outcome")).to_have_attribute("data-same", "false")
    for window, heard in zip(windows, reversed(halves), strict=True):
        window.part("voice-heard").fill(heard.lower())
        expect(window.part("voice-outcome")).to_have_attribute("data-same", "true")
    ours.part("voice-log").click()
    confirm(ours)


def test_a_message_is_read_out_from_its_form_and_signed_as_heard_on_the_other_side(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    ours, theirs = window_of(own), window_of(other)
    unlock(ours, own, tmp_path)
    unlock(theirs, other, tmp_path)
    for one, two in ((own, other), (other, own)):
        one.hear_from(two, heard=False)
    ours.part("line-test").click()
    confirm(ours)
    card(ours, "line_test").get_by_test_id("paper").click()
    form = ours.part("paper-form")
    expect(form.locator("tbody tr").first).to_be_visible()
    lines = [
        (row.locator("td bdi").first.inner_text(), spoken(row)) for row in form.locator("tbody tr").all()
    ]
    total = spoken(form.locator("p", has=ours.page.locator(".symbols")))

    theirs.part("voice-check").click()
    theirs.part("voice-form").click()
    for number, (text, symbol) in enumerate(lines):
        if number == 1:
            theirs.part("form-text").fill("nonsense")
            theirs.part("form-symbol").fill(symbol)
            theirs.part("form-add").click()
            expect(theirs.part("voice-error")).to_be_visible()
        theirs.part("form-text").fill(text)
        theirs.part("form-symbol").fill(symbol)
        theirs.part("form-add").click()
        expect(theirs.part("voice").locator("tbody tr")).to_have_count(number + 1)
    theirs.part("form-total").fill(total)
    theirs.part("form-complete").click()
    expect(theirs.part("form-sentence")).to_contain_text(re.compile("line test", re.IGNORECASE))
    theirs.part("form-sign").click()
    confirm(theirs)
    heard = card(theirs, "line_test")
    expect(heard.locator('[data-mark="by_voice"]')).to_be_visible(timeout=LATER_S * 1000)


# -- exercises --------------------------------------------------------------------------------------


def test_an_exercise_is_started_reported_and_ended(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, _ = nodes
    window = window_of(own)
    unlock(window, own, tmp_path)
    window.part("drills").locator("summary").click()
    window.part("drill-name").fill("friday")
    window.part("drill-start").click()
    confirm(window)
    drill = window.part("drill")
    expect(drill).to_have_attribute("data-name", "friday", timeout=LATER_S * 1000)
    drill.get_by_test_id("drill-report").click()
    expect(drill.get_by_test_id("drill-told")).to_be_visible()
    drill.get_by_test_id("drill-end").click()
    confirm(window)
    expect(card(window, "drill_end")).to_be_visible()


# -- everywhere -------------------------------------------------------------------------------------


def say_something(own: PartyNode, other: PartyNode) -> None:
    """Have the parties say one thing of each kind that looks different."""
    other.say(DutyChange(is_on=True, is_senior=True, telephone="+963 11 555 0199"))
    own.say(
        message(
            Code.REQUEST_STOP,
            OTHER,
            at=Position(latitude_e5=0, longitude_e5=0),
            radius=500,
            nature=Nature.FIRE,
        )
    )
    other.say(message(Code.FREE_TEXT, OWN, text="thank you"))
    other.say(message(Code.DRILL_START, OWN, exercise="friday", drill="friday"))
    other.say(message(Code.REQUEST_LATER, OWN, item=ref(OWN, DROP), later=2_700))
    other.say(distress(OWN))
    other.say(LineChange(peer=own.party, is_hold=True, reason="talks are over"))


def views(window: ConsolePage, node: PartyNode, folder: Path) -> Iterator[str]:
    """Go through what is shown of the hotline, and name each."""
    window.part("tab-hotline").click()
    expect(card(window, "distress")).to_be_visible(timeout=LATER_S * 1000)
    expect(window.part("line-banner")).to_be_visible(timeout=LATER_S * 1000)
    window.page.evaluate(
        "() => document.querySelectorAll('.panel details').forEach((each) => { each.open = true; })"
    )
    yield "the hotline without a key"
    window.part("open-key").click()
    yield "the form for the key"
    unlock(window, node, folder)
    answer(window, "request_later", "unable")
    window.page.evaluate(
        "() => document.querySelectorAll('.panel details').forEach((each) => { each.open = true; })"
    )
    yield "the hotline with a key"
    for code in ("flight_parameters", "distress", "unanswered_call", "movement_notice", "telephone_call"):
        window.part("compose-to-party").press("Enter")  # the list above may grow under a pointer
        expect(window.part("compose-code")).to_be_visible(timeout=LATER_S * 1000)
        window.part("compose-code").select_option(code)
        yield f"writing {code}"
    window.part("discard-compose").click()
    answer(window, "distress", "roger")
    expect(window.part("signing")).to_have_attribute("data-status", "ready")
    window.part("signing").locator("summary").click()
    yield "what would be signed"
    window.part("cancel-signing").click()
    card(window, "distress").get_by_test_id("paper").click()
    expect(window.part("paper-form").locator("tbody tr").first).to_be_visible()
    yield "a form"
    window.page.keyboard.press("Escape")
    window.part("voice-check").click()
    expect(window.part("voice-held")).to_be_visible()
    yield "the check by voice"
    for party in (OWN, OTHER):
        window.part(f"voice-size-{party}").fill("1")
    window.part("voice-freeze").click()
    window.part("voice-their-challenge").fill("ABCD")
    window.part("voice-challenged").click()
    window.part("voice-heard").fill("0000")
    window.part("voice").locator("summary").click()
    window.part("voice-part").first.click()
    expect(window.part("voice-whole")).to_be_visible()
    yield "what differs"
    window.part("voice-form").click()
    expect(window.part("form-text")).to_be_visible()
    yield "writing down a form"


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_of_it_is_in_each_language_and_without_barriers_in_every_theme(
    nodes: Nodes, browser: Browser, axe: str, language: str, tmp_path: Path
) -> None:
    own, other = nodes
    say_something(own, other)
    with console_at(browser, own.url, language=language) as window:
        window.verdict("conflict", LATER_S)
        window.page.evaluate(axe)
        found = {}
        for view in views(window, own, tmp_path):
            assert raw_texts(window.page) == [], view
            for theme in THEMES:
                window.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
                if faults := axe_faults(window):
                    found[view, theme] = faults
        assert found == {}


def test_a_message_is_read_and_answered_by_keys_alone(
    nodes: Nodes, window_of: Callable[..., ConsolePage], tmp_path: Path
) -> None:
    own, other = nodes
    other.say(message(Code.LINE_TEST, OWN))
    window = window_of(own)
    keys = window.page.keyboard
    unlock(window, own, tmp_path)
    window.part("tab-items").click()
    keys.press("h")
    expect(card(window, "line_test")).to_be_visible(timeout=LATER_S * 1000)
    window.tab_to("answer", **{"data-code": "roger"})
    keys.press("Enter")
    expect(window.part("confirm-signing")).to_be_focused()
    keys.press("Enter")
    expect_state(window, "line_test", "closed")
