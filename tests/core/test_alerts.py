"""The book of alerts: when an alert begins, how it changes, and that it never ends silently."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import alert_book, alert_entries, alerts
from keepclear.core.alert_book import AlertBook
from keepclear.core.alerts import (
    TRANSITIONS,
    Alert,
    AlertChange,
    AlertEvent,
    AlertMoment,
    AlertSettings,
    AlertState,
    UnknownAlertError,
    states_markdown,
)
from keepclear.core.errors import InvalidValueError
from keepclear.core.signals import Signal, SignalKey, SignalKind, Urgency

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "alerts.md"
PAIR = SignalKey(SignalKind.ENCOUNTER, "icao:aaaaaa", "icao:bbbbbb")
EXCURSION = SignalKey(SignalKind.EXCURSION, "icao:aaaaaa", "item 1")
BOTH = frozenset({"icao:aaaaaa", "icao:bbbbbb"})
T0 = 1_700_000_000_000
ADVISORY, CAUTION, WARNING = Urgency.ADVISORY, Urgency.CAUTION, Urgency.WARNING
ENDS = {AlertChange.CLEARED, AlertChange.ENDED_UNSEEN, AlertChange.CROWDED_OUT}


def signal(
    key: SignalKey = PAIR, t_in_s: float = 100.0, urgency: Urgency | None = None, **given: Any
) -> Signal:
    """Return a signal, by default as urgent as the time that is left; present at 0.0."""
    if urgency is None:
        urgency = WARNING if t_in_s <= 30.0 else CAUTION if t_in_s <= 60.0 else ADVISORY
    return Signal(key=key, urgency=urgency, is_present=t_in_s == 0.0, t_in_s=t_in_s, **given)


class Watch:
    """A book, and cycles so many seconds after the beginning."""

    def __init__(self, **settings: Any) -> None:
        self.book = AlertBook(AlertSettings(**settings))

    def at(self, s: float, *signals: Signal, **given: Any) -> list[tuple[AlertChange, Urgency]]:
        """Return what happens in a cycle: changes, and how urgent it is then."""
        return [(each.change, each.urgency) for each in self.events(s, *signals, **given)]

    def events(self, s: float, *signals: Signal, **given: Any) -> list[AlertEvent]:
        given.setdefault("seen", BOTH)
        return self.book.update(T0 + round(s * 1_000), signals, **given)

    @property
    def alert(self) -> Alert:
        """Return the only open alert."""
        (only,) = self.book.open()
        return only


def warned(**settings: Any) -> Watch:
    """Return a watch with a warning of an encounter that is 20 s away, opened at second 0."""
    watch = Watch(**settings)
    assert watch.at(0, signal(t_in_s=20.0)) == [(AlertChange.OPENED, WARNING)]
    return watch


# -- how an alert begins -----------------------------------------------------------------------------


def test_a_far_encounter_is_told_when_it_was_found_in_two_looks() -> None:
    watch = Watch()

    assert watch.at(0, signal()) == []
    assert watch.at(3.9, signal()) == []  # the same look
    assert watch.at(4, signal()) == [(AlertChange.OPENED, ADVISORY)]
    assert watch.alert.id == "A-000001"
    assert watch.alert.opened_ms == T0 + 4_000


def test_two_looks_of_the_last_four_confirm() -> None:
    watch = Watch()

    assert watch.at(0, signal()) == []
    assert watch.at(5) == watch.at(10) == []
    assert watch.at(15, signal()) == [(AlertChange.OPENED, ADVISORY)]


def test_two_looks_that_are_farther_apart_do_not() -> None:
    watch = Watch()

    assert watch.at(0, signal()) == []
    assert watch.at(20, signal()) == []


@pytest.mark.parametrize("t_in_s", [0.0, 12.0, 45.0])
def test_an_encounter_that_is_present_or_near_is_told_in_the_same_cycle(t_in_s: float) -> None:
    told = Watch().at(0, signal(t_in_s=t_in_s))

    assert (AlertChange.OPENED, WARNING if t_in_s <= 30.0 else CAUTION) in told


def test_an_encounter_beyond_the_sure_time_is_confirmed_first() -> None:
    assert Watch().at(0, signal(t_in_s=45.1)) == []


def test_what_is_no_encounter_is_confirmed_even_if_present() -> None:
    watch = Watch()
    seen = frozenset({"icao:aaaaaa"})

    assert watch.at(0, signal(EXCURSION, 0.0), seen=seen) == []
    assert watch.at(4, signal(EXCURSION, 0.0), seen=seen) == [
        (AlertChange.OPENED, WARNING),
        (AlertChange.PRESENT, WARNING),
    ]


def test_what_exempts_itself_from_confirmation_is_told_at_once() -> None:
    exempt = signal(EXCURSION, 0.0, exempts_confirmation=True)

    assert Watch().at(0, exempt)[0] == (AlertChange.OPENED, WARNING)


def test_of_several_signals_with_one_key_the_most_urgent_counts() -> None:
    watch = Watch()

    watch.at(
        0, signal(t_in_s=25.0, urgency=CAUTION), signal(t_in_s=10.0), signal(t_in_s=28.0, urgency=ADVISORY)
    )

    assert watch.alert.urgency is WARNING
    assert watch.alert.signal.t_in_s == 10.0


# -- how it becomes more and less urgent -------------------------------------------------------------


def test_it_escalates_at_once() -> None:
    watch = Watch()
    watch.at(0, signal())
    watch.at(4, signal())

    assert watch.at(5, signal(t_in_s=50.0)) == [(AlertChange.ESCALATED, CAUTION)]
    assert watch.at(6, signal(t_in_s=29.0)) == [(AlertChange.ESCALATED, WARNING)]
    assert watch.alert.peak_urgency is WARNING


def test_it_eases_only_after_five_seconds_and_keeps_its_peak() -> None:
    watch = warned()

    assert watch.at(1, signal(t_in_s=50.0)) == []
    assert watch.at(5.9, signal(t_in_s=50.0)) == []
    assert watch.at(6, signal(t_in_s=50.0)) == [(AlertChange.EASED, CAUTION)]
    assert watch.alert.peak_urgency is WARNING


def test_one_urgent_cycle_in_between_begins_the_five_seconds_anew() -> None:
    watch = warned()
    watch.at(1, signal(t_in_s=50.0))
    watch.at(5, signal(t_in_s=29.0))

    assert watch.at(6, signal(t_in_s=50.0)) == []
    assert watch.at(11, signal(t_in_s=50.0)) == [(AlertChange.EASED, CAUTION)]


def test_it_is_cleared_when_it_was_looked_for_and_not_found_for_five_seconds() -> None:
    watch = warned()

    assert watch.at(1) == []
    assert watch.alert.state is AlertState.FADING
    assert watch.at(5.9) == []
    assert watch.at(6) == [(AlertChange.CLEARED, WARNING)]
    assert watch.book.open() == []
    assert watch.book.recent()[0].ended_ms == T0 + 6_000


def test_a_pause_without_cycles_is_no_time_in_which_it_was_looked_for() -> None:
    watch = warned(escalate_s=())

    assert watch.at(60) == []
    assert watch.alert.state is AlertState.FADING


def test_what_is_found_again_while_fading_stays_the_same_alert() -> None:
    watch = warned()
    watch.at(1)
    watch.at(5, signal(t_in_s=16.0))

    assert watch.at(6) == watch.at(10) == []
    assert watch.alert.id == "A-000001"


def test_what_lingers_is_neither_cleared_nor_eased() -> None:
    watch = warned()

    for second in range(1, 60):
        changes = watch.at(second, lingering={PAIR: WARNING})
        assert {change for change, _ in changes} <= {AlertChange.CLIMBED}
    assert watch.alert.state is AlertState.OPEN


def test_what_lingers_less_urgently_is_eased_to_that() -> None:
    watch = warned()

    watch.at(1, lingering={PAIR: ADVISORY})
    assert watch.at(6, lingering={PAIR: ADVISORY}) == [(AlertChange.EASED, ADVISORY)]


def test_what_lingers_more_urgently_than_it_is_escalates_nothing() -> None:
    watch = Watch()
    watch.at(0, signal())
    watch.at(4, signal())

    assert watch.at(5, signal(), lingering={PAIR: WARNING}) == []


# -- what cannot be looked for -----------------------------------------------------------------------


def test_a_cycle_that_could_not_look_clears_and_eases_nothing() -> None:
    watch = warned(escalate_s=())

    for second in range(1, 60):
        assert watch.at(second, is_complete=False) == []
    assert watch.at(60) == watch.at(64) == []
    assert watch.at(65) == [(AlertChange.CLEARED, WARNING)]


def test_an_alert_of_a_track_that_is_not_heard_stays_and_says_so() -> None:
    watch = warned(escalate_s=())
    alone = frozenset({"icao:aaaaaa"})

    assert watch.at(1, seen=alone, tracked=BOTH) == [(AlertChange.UNSEEN, WARNING)]
    for second in range(2, 400):
        assert watch.at(second, seen=alone, tracked=BOTH) == []
    assert watch.alert.unseen_since_ms == T0 + 1_000
    assert watch.at(400) == [(AlertChange.SEEN, WARNING)]
    assert watch.at(405) == [(AlertChange.CLEARED, WARNING)]


def test_a_track_that_is_gone_ends_its_alerts_but_never_as_cleared() -> None:
    watch = warned()
    watch.at(1)  # it was fading

    assert watch.at(6, seen=frozenset({"icao:aaaaaa"})) == [(AlertChange.ENDED_UNSEEN, WARNING)]


def test_an_alert_without_data_does_not_stay_for_ever() -> None:
    watch = warned(escalate_s=(), unseen_end_s=60.0)
    watch.at(1, seen=frozenset(), tracked=BOTH)

    assert watch.at(60.9, seen=frozenset(), tracked=BOTH) == []
    assert watch.at(61, seen=frozenset(), tracked=BOTH) == [(AlertChange.ENDED_UNSEEN, WARNING)]


def test_an_encounter_of_a_track_that_is_heard_but_not_judged_is_not_cleared() -> None:
    watch = warned(escalate_s=())

    for second in range(1, 30):
        assert watch.at(second, judged=frozenset({"icao:aaaaaa"})) == []
    assert watch.alert.state is AlertState.OPEN


def test_an_alert_that_a_track_is_lost_is_about_what_is_not_heard() -> None:
    lost = SignalKey(SignalKind.LOST, "icao:aaaaaa", "item 1")
    watch = Watch(confirm_hits=1)
    watch.at(0, signal(lost, 0.0), seen=frozenset(), tracked=BOTH)

    assert watch.at(1, signal(lost, 0.0), seen=frozenset(), tracked=BOTH) == []
    watch.at(2)
    assert (AlertChange.CLEARED, WARNING) in watch.at(7)


def test_an_alert_about_an_item_alone_needs_no_track() -> None:
    not_seen = SignalKey(SignalKind.NOT_SEEN, "", "item 1")
    watch = Watch(confirm_hits=1)
    watch.at(0, signal(not_seen, 0.0), seen=frozenset())
    watch.at(1, seen=frozenset())

    assert (AlertChange.CLEARED, WARNING) in watch.at(6, seen=frozenset())


def test_a_clock_that_steps_back_clears_nothing_early() -> None:
    watch = warned(escalate_s=())
    watch.at(1)

    for second in range(-60, 6):
        assert watch.at(second) == []
    assert watch.at(6) == [(AlertChange.CLEARED, WARNING)]


# -- presence ----------------------------------------------------------------------------------------


def test_a_loss_that_begins_is_told_and_its_time_is_counted() -> None:
    watch = warned()

    assert watch.at(20, signal(t_in_s=0.0)) == [(AlertChange.PRESENT, WARNING)]
    assert watch.book.present_since() == {PAIR: T0 + 20_000}
    watch.at(21, signal(t_in_s=0.0))
    assert watch.at(22, lingering={PAIR: WARNING}) == [(AlertChange.PASSED, WARNING)]
    assert watch.alert.present_s == 1.0
    assert watch.book.present_since() == {}


def test_a_loss_that_begins_again_counts_from_there() -> None:
    watch = warned()
    for second, t_in_s in ((1, 0.0), (2, 0.0), (3, 5.0), (4, 0.0), (6, 0.0)):
        watch.at(second, signal(t_in_s=t_in_s))

    assert watch.book.present_since() == {PAIR: T0 + 4_000}
    assert watch.alert.present_s == 3.0


def test_a_loss_that_is_not_seen_for_a_while_is_not_known_to_have_passed() -> None:
    watch = warned(escalate_s=())
    watch.at(1, signal(t_in_s=0.0))
    watch.at(2, seen=frozenset(), tracked=BOTH)
    watch.at(3, is_complete=False)

    assert watch.book.present_since() == {PAIR: T0 + 1_000}


# -- acknowledgements and steps ----------------------------------------------------------------------


def test_a_warning_that_nobody_reads_climbs_after_30_60_and_120_seconds() -> None:
    watch = warned()
    climbs = {
        second: count
        for second in range(1, 200)
        if (count := watch.at(second, signal(t_in_s=10.0)).count((AlertChange.CLIMBED, WARNING)))
    }

    assert climbs == {30: 1, 60: 1, 120: 1}
    assert watch.alert.climbed == 3


def test_after_a_long_pause_all_steps_that_are_due_are_told() -> None:
    assert warned().at(90, signal(t_in_s=10.0)) == [(AlertChange.CLIMBED, WARNING)] * 2


def test_a_warning_that_was_read_does_not_climb() -> None:
    watch = warned()

    event = watch.book.acknowledge("A-000001", "Sami", T0 + 10_000)

    assert (event.change, event.person) == (AlertChange.ACKNOWLEDGED, "Sami")
    assert watch.alert.is_acknowledged
    assert all(watch.at(second, signal(t_in_s=10.0)) == [] for second in range(11, 200))


def test_what_becomes_more_urgent_has_to_be_read_again() -> None:
    watch = Watch(confirm_hits=1)
    watch.at(0, signal())
    watch.book.acknowledge("A-000001", "Sami", T0)

    watch.at(0, signal(t_in_s=10.0))  # even at the same instant

    assert not watch.alert.is_acknowledged
    assert watch.at(30, signal(t_in_s=10.0)) == [(AlertChange.CLIMBED, WARNING)]


def test_who_reads_twice_is_noted_once_and_a_second_person_too() -> None:
    watch = warned()
    for person, second in (("Sami", 1), ("Sami", 2), ("Lena", 3)):
        watch.book.acknowledge("A-000001", person, T0 + second * 1_000)

    assert [(each.person, each.at_ms - T0) for each in watch.alert.acknowledged] == [
        ("Sami", 1_000),
        ("Lena", 3_000),
    ]
    assert [each.change for each in watch.alert.history].count(AlertChange.ACKNOWLEDGED) == 2


def test_an_alert_that_ended_can_still_be_read() -> None:
    watch = warned()
    watch.at(1)
    watch.at(6)

    watch.book.acknowledge("A-000001", "Sami", T0 + 7_000)

    found = watch.book.find("A-000001")
    assert found is not None
    assert found.is_acknowledged
    assert found.state is AlertState.CLEARED


def test_an_alert_that_is_not_there_cannot_be_read() -> None:
    with pytest.raises(UnknownAlertError, match="A-000002"):
        warned().book.acknowledge("A-000002", "Sami", T0)


@pytest.mark.parametrize("person", ["", "x" * 257])
def test_who_reads_has_a_name(person: str) -> None:
    with pytest.raises(InvalidValueError, match="person"):
        warned().book.acknowledge("A-000001", person, T0)


def test_only_so_many_readers_and_events_are_kept() -> None:
    watch = warned()
    for number in range(300):
        watch.book.acknowledge("A-000001", f"person {number}", T0 + number)

    alert = watch.alert
    assert len(alert.acknowledged) == alert_entries.ACKNOWLEDGEMENTS_MAX
    assert len(alert.history) == alert_entries.ALERT_HISTORY_MAX
    assert alert.history_dropped == 301 - alert_entries.ALERT_HISTORY_MAX
    assert alert.history[0].change is AlertChange.OPENED
    assert alert.history[-1].person == "person 299"


# -- order, room, settings ---------------------------------------------------------------------------


def key_of(number: int) -> SignalKey:
    return SignalKey(SignalKind.ENCOUNTER, f"a{number:06d}", f"b{number:06d}")


class Everybody(frozenset[str]):
    """All ids there can be."""

    def __contains__(self, _: object) -> bool:
        return True


def test_the_most_urgent_is_told_first_and_events_of_one_alert_stay_in_order() -> None:
    watch = Watch()

    events = watch.events(
        0, signal(key_of(1), 29.0, CAUTION), signal(key_of(2), 0.0), signal(key_of(3), 20.0), seen=Everybody()
    )

    assert [(event.key.a, event.change.value) for event in events] == [
        ("a000002", "opened"), ("a000002", "present"), ("a000003", "opened"), ("a000001", "opened"),
    ]  # fmt: skip
    assert [alert.key.a for alert in watch.book.open()] == ["a000002", "a000003", "a000001"]


def test_in_a_storm_the_most_urgent_are_kept_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_book, "ALERTS_OPEN_MAX", 3)
    watch = Watch()
    near = [signal(key_of(number), 20.0) for number in range(5)]

    watch.at(0, *near, seen=Everybody())

    assert len(watch.book.open()) == 3
    assert watch.book.unlisted_count == 2
    changes = watch.at(1, *near, signal(key_of(9), 0.0), seen=Everybody())
    assert changes == [
        (AlertChange.CROWDED_OUT, WARNING), (AlertChange.OPENED, WARNING), (AlertChange.PRESENT, WARNING),
    ]  # fmt: skip
    assert watch.book.unlisted_count == 3
    assert "a000009" in {alert.key.a for alert in watch.book.open()}
    assert watch.at(2, *near, signal(key_of(9), 0.0), seen=Everybody()) == []
    assert watch.book.unlisted_count == 3


def test_what_gives_way_and_is_not_found_any_more_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_book, "ALERTS_OPEN_MAX", 1)
    watch = warned()

    watch.at(1, signal(key_of(9), 0.0), seen=Everybody())

    assert watch.book.unlisted_count == 0


@pytest.mark.slow
def test_memory_is_bounded_under_a_storm_of_keys() -> None:
    watch = Watch()
    numbers = itertools.count()
    for second in range(5):
        near = [signal(key_of(next(numbers)), 20.0) for _ in range(20_000)]
        far = [signal(key_of(next(numbers)), 100.0) for _ in range(20_000)]
        watch.at(second * 10, *near, *far, seen=Everybody())
        assert len(watch.book.open()) <= alert_book.ALERTS_OPEN_MAX
        assert watch.book.unlisted_count >= 10_000
    assert len(watch.book._candidates) <= alert_book.CANDIDATES_MAX
    assert len(watch.book.recent()) <= alert_book.ALERTS_KEPT_MAX
    assert len(watch.book._by_id) <= alert_book.ALERTS_KEPT_MAX + alert_book.ALERTS_OPEN_MAX


def test_only_so_many_alerts_that_ended_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_book, "ALERTS_KEPT_MAX", 2)
    watch = Watch()
    for number in range(5):
        watch.at(number * 10, signal(key_of(number), 20.0), seen=Everybody())
        watch.at(number * 10 + 1, seen=frozenset())

    assert [alert.id for alert in watch.book.recent()] == ["A-000005", "A-000004"]
    assert watch.book.find("A-000003") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("confirm_hits", 0), ("confirm_hits", 5), ("confirm_of", 0), ("confirm_of", alerts.LOOKS_MAX + 1),
        ("look_s", -1.0), ("look_s", math.nan), ("sure_s", math.inf),
        ("clear_after_s", alerts.DURATION_SETTING_MAX_S + 1.0), ("unseen_end_s", -0.1),
        ("clear_factor", 0.9), ("clear_factor", alerts.CLEAR_FACTOR_MAX + 0.1), ("clear_factor", math.nan),
        ("escalate_s", (30.0, 30.0)), ("escalate_s", (math.nan,)),
        ("escalate_s", tuple(range(1, alerts.ESCALATION_STEPS_MAX + 2))),
    ],
)  # fmt: skip
def test_settings_are_within_their_limits(name: str, value: Any) -> None:
    with pytest.raises(InvalidValueError, match=name):
        AlertSettings(**{name: value})


# -- the table of states -----------------------------------------------------------------------------


def test_the_table_in_the_documents_is_that_of_the_code() -> None:
    text = DOCS.read_text(encoding="utf-8")

    assert states_markdown() in text
    for word in (*AlertChange, *AlertState, *SignalKind, *Urgency):
        assert f"`{word.value}`" in text


def test_every_alert_can_end_and_nothing_follows_on_an_end() -> None:
    for state in AlertState:
        following = {after for (before, _), after in TRANSITIONS.items() if before is state}
        assert (not following) == state.is_end
        if not state.is_end:
            assert AlertState.ENDED_UNSEEN in following


def test_only_what_was_missed_is_cleared() -> None:
    cleared = {step for step, after in TRANSITIONS.items() if after is AlertState.CLEARED}

    assert cleared == {(AlertState.FADING, AlertMoment.OVER)}


# -- laws --------------------------------------------------------------------------------------------

_KEYS = (
    PAIR,
    SignalKey(SignalKind.ENCOUNTER, "icao:aaaaaa", "icao:cccccc"),
    EXCURSION,
    SignalKey(SignalKind.NOT_SEEN, "", "item 2"),
)
_TRACKS = ("icao:aaaaaa", "icao:bbbbbb", "icao:cccccc")
_SIGNALS = st.builds(signal, key=st.sampled_from(_KEYS), t_in_s=st.sampled_from([0.0, 20.0, 50.0, 100.0]))


@st.composite
def cycles(draw: st.DrawFn) -> list[tuple[int, dict[str, Any]]]:
    """Draw cycles, some of which see little, or come from a clock that steps back."""
    found = []
    now_ms = T0
    for _ in range(draw(st.integers(1, 40))):
        now_ms += draw(st.sampled_from([1_000, 1_000, 1_000, 5_000, 0, -3_000, 40_000]))
        tracked = (
            draw(st.frozensets(st.sampled_from(_TRACKS), min_size=1)) if draw(st.booleans()) else _TRACKS
        )
        given_now: dict[str, Any] = {
            "signals": draw(st.lists(_SIGNALS, max_size=5)),
            "tracked": frozenset(tracked),
            "seen": frozenset(each for each in tracked if draw(st.integers(0, 4))),
            "is_complete": draw(st.integers(0, 5)) > 0,
            "lingering": draw(st.dictionaries(st.sampled_from(_KEYS), st.sampled_from(Urgency), max_size=2)),
        }
        found.append((now_ms, given_now))
    return found


def played(
    drawn: Sequence[tuple[int, dict[str, Any]]],
) -> Iterable[tuple[AlertBook, dict[str, Any], list[AlertEvent]]]:
    book = AlertBook()
    for now_ms, given_now in drawn:
        yield book, given_now, book.update(now_ms, **given_now)


@given(drawn=cycles())
def test_every_alert_that_opens_ends_once_or_is_still_open(drawn: list[tuple[int, dict[str, Any]]]) -> None:
    events: list[AlertEvent] = []
    book = AlertBook()
    for book, _, happened in played(drawn):
        events += happened
        keys = [alert.key for alert in book.open()]
        assert len(keys) == len(set(keys))
    opened = [event.alert_id for event in events if event.change is AlertChange.OPENED]
    ended = [event.alert_id for event in events if event.change in ENDS]
    assert len(set(opened)) == len(opened)
    assert sorted([*ended, *(alert.id for alert in book.open())]) == sorted(opened)
    for alert in book.recent():
        assert alert.history[-1].change in ENDS


@given(drawn=cycles())
def test_a_loss_in_progress_is_an_open_alert_in_the_same_cycle(
    drawn: list[tuple[int, dict[str, Any]]],
) -> None:
    for book, given_now, _ in played(drawn):
        present = {
            each.key
            for each in given_now["signals"]
            if each.is_present and each.key.kind is SignalKind.ENCOUNTER
        }
        told = {alert.key for alert in book.open() if alert.present_since_ms is not None}
        assert present <= told


@given(drawn=cycles())
def test_urgency_never_falls_and_nothing_clears_before_its_time(
    drawn: list[tuple[int, dict[str, Any]]],
) -> None:
    spoken_ms: dict[tuple[SignalKey, int], int] = {}
    now_ms = 0
    for (clock_ms, _), (book, given_now, happened) in zip(drawn, played(drawn), strict=True):
        now_ms = max(now_ms, clock_ms)
        for each in given_now["signals"]:
            for rank in range(1, each.urgency.rank + 1):
                spoken_ms[each.key, rank] = now_ms
        for event in happened:
            if event.change in {AlertChange.EASED, AlertChange.CLEARED}:
                rank = 1 if event.change is AlertChange.CLEARED else event.urgency.rank + 1
                assert now_ms - spoken_ms[event.key, rank] >= 5_000
        for each in given_now["signals"]:
            for alert in book.open():
                if alert.key == each.key:
                    assert alert.urgency.rank >= each.urgency.rank


@given(drawn=cycles())
def test_nothing_is_cleared_or_eased_by_a_cycle_that_could_not_look(
    drawn: list[tuple[int, dict[str, Any]]],
) -> None:
    for _, given_now, happened in played(drawn):
        for event in happened:
            if event.change is AlertChange.CLEARED:
                tracks = event.key[1:] if event.key.kind is SignalKind.ENCOUNTER else event.key[1:2]
                assert given_now["is_complete"]
                assert all(track in given_now["seen"] for track in tracks if track)
                assert event.key not in given_now["lingering"]


@given(drawn=cycles())
def test_the_same_cycles_give_the_same_alerts(drawn: list[tuple[int, dict[str, Any]]]) -> None:
    backwards = [(now_ms, given_now | {"signals": given_now["signals"][::-1]}) for now_ms, given_now in drawn]

    first = [(events, book.open()) for book, _, events in played(drawn)]
    again = [(events, book.open()) for book, _, events in played(backwards)]

    assert first == again
