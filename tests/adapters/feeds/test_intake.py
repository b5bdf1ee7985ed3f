"""What came of a feed: live only while something new comes; the newest of each id; counts and samples."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.feeds import intake as intake_module
from keepclear.adapters.feeds.address import parse_feeds
from keepclear.adapters.feeds.intake import BYTES_PER_TURN_MAX, Intake, Pending
from keepclear.codec.decoding import Decoded, Malformed
from keepclear.core.feed_health import PROBLEMS_KEPT_MAX, FeedState
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report

START_MS = 1_700_000_000_000


@dataclass
class Feed:
    """An intake with a clock that is moved by hand."""

    options: str = ""
    now_s: float = 0.0
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        (address,) = parse_feeds([f"f=ndjson://h:1{self.options}"])
        self.intake = Intake(address, lambda: START_MS + round(self.now_s * 1000), lambda: self.now_s)
        self.intake.connecting()

    @property
    def state(self) -> tuple[FeedState, float]:
        """The state, and since when, in seconds."""
        health = self.intake.health()
        return health.state, (health.since_ms - START_MS) / 1000.0

    def heard(self, at_s: float | None = None, report_id: str = "name:a") -> None:
        at_ms = START_MS + round((self.now_s if at_s is None else at_s) * 1000)
        received_ms = self.intake.received(100)
        self.intake.decoded(Decoded([Report(report_id, at_ms, 46.0, 7.0)], []), received_ms)
        self.intake.next_batch()


def test_a_feed_is_live_while_new_reports_come_and_silent_after_a_while_without() -> None:
    feed = Feed()
    assert feed.state == (FeedState.CONNECTING, 0.0)
    feed.now_s = 1.0
    feed.intake.connected()
    feed.now_s = 3.0
    assert feed.state == (FeedState.CONNECTING, 1.0)
    feed.heard()
    feed.now_s = 10.0
    feed.heard()
    assert feed.state == (FeedState.LIVE, 3.0)
    feed.now_s = 25.0
    assert feed.state == (FeedState.LIVE, 3.0)
    feed.now_s = 40.0
    assert feed.state == (FeedState.SILENT, 25.0)
    feed.heard()
    assert feed.state == (FeedState.LIVE, 40.0)


def test_a_feed_from_which_nothing_ever_comes_is_silent_counted_from_when_it_was_connected() -> None:
    feed = Feed("?silent=5")
    feed.now_s = 2.0
    feed.intake.connected()
    feed.now_s = 20.0
    feed.intake.received(7)  # a heartbeat
    assert feed.state == (FeedState.SILENT, 7.0)
    health = feed.intake.health()
    assert (health.last_received_ms, health.last_report_ms) == (START_MS + 20_000, None)


def test_a_receiver_that_says_the_same_again_and_again_is_silent() -> None:
    feed = Feed()
    feed.intake.connected()
    for second in range(40):
        feed.now_s = float(second)
        feed.heard(at_s=0.0)
    assert feed.state == (FeedState.SILENT, 15.0)
    assert feed.intake.health().report_count == 40


def test_a_report_from_the_future_does_not_make_what_follows_old() -> None:
    feed = Feed()
    feed.intake.connected()
    feed.heard(at_s=1_000_000.0)
    for second in range(1, 30):
        feed.now_s = float(second)
        feed.heard()
    assert feed.state[0] is FeedState.LIVE


def test_a_feed_that_only_tells_of_the_future_is_not_live_and_it_is_told_why() -> None:
    feed = Feed()
    feed.intake.connected()
    for second in range(30):
        feed.now_s = float(second)
        feed.heard(at_s=second + 6.0)
    assert feed.state == (FeedState.SILENT, 15.0)
    assert "from the future" in str(feed.intake.health().last_problem)


def test_while_it_is_not_connected_it_is_not_live_however_lately_it_was_heard() -> None:
    feed = Feed()
    feed.intake.connected()
    feed.heard()
    feed.now_s = 1.0
    feed.intake.lost("the other side has closed the connection")
    assert feed.state == (FeedState.WAITING, 1.0)
    feed.now_s = 2.0
    feed.intake.connecting()
    assert feed.state == (FeedState.CONNECTING, 2.0)
    feed.intake.connected()
    assert feed.state == (FeedState.LIVE, 2.0)
    assert feed.intake.health().reconnect_count == 1


def test_problems_are_kept_once_each_the_newest_last_and_not_without_end() -> None:
    feed = Feed()
    for number in range(100):
        feed.intake.problem(f"problem {number}")
    feed.now_s = 1.0
    feed.intake.problem("problem 95")
    health = feed.intake.health()
    assert len(health.problems) == PROBLEMS_KEPT_MAX
    assert health.last_problem == (START_MS + 1000, "problem 95")
    assert [problem.reason for problem in health.problems].count("problem 95") == 1


def test_what_is_malformed_or_refused_is_counted_with_samples() -> None:
    feed = Feed()
    reports = [Report(f"name:{n}", START_MS, 95.0 if n % 2 else 46.0, 7.0) for n in range(30)]
    feed.intake.decoded(Decoded(reports, [Malformed(7, "it is no JSON", "{{{")]), START_MS)
    batch = feed.intake.next_batch()
    health = feed.intake.health()
    assert batch is not None
    assert batch.ids == tuple(f"name:{n}" for n in range(0, 30, 2))
    assert (health.report_count, health.refused_count, health.malformed_count) == (15, 15, 7)
    assert len(health.samples) == PROBLEMS_KEPT_MAX
    assert health.samples[-1].sample == "name:29"


def test_each_report_keeps_when_it_was_received() -> None:
    feed = Feed()
    for second in (0, 1, 2):
        reports = [Report("name:a", START_MS, 46.0, 7.0), Report("name:bad", START_MS, 99.0, 7.0)]
        feed.intake.decoded(Decoded(reports, []), START_MS + second)
    batch = feed.intake.next_batch()
    assert batch is not None
    assert batch.received_ms.tolist() == [START_MS, START_MS + 1, START_MS + 2]


def test_options_hold_of_all_reports_that_do_not_say_otherwise() -> None:
    feed = Feed("?party=north&kind=drone&id_prefix=x")
    rows = [
        Report("track:17", START_MS, 46.0, 7.0),
        Report("17", START_MS, 46.0, 7.0, party="south", kind=TrackKind.VEHICLE),
    ]
    feed.intake.decoded(Decoded(rows, []), START_MS)
    batch = feed.intake.next_batch()
    assert batch is not None
    assert batch.ids == ("track:x17", "x17")
    assert batch.parties == ("north", "south")
    assert batch.kinds == (TrackKind.DRONE, TrackKind.VEHICLE)


def test_a_stream_is_decoded_in_pieces_between_which_others_have_their_turn() -> None:
    feed = Feed()
    turns: list[str] = []

    class Decoder:
        def decode(self, data: bytes, received_ms: int) -> Decoded:  # noqa: ARG002
            assert len(data) <= BYTES_PER_TURN_MAX
            turns.append("feed")
            return Decoded([], [])

        def finish(self, received_ms: int) -> Decoded:  # noqa: ARG002
            return Decoded([], [])

    async def other() -> None:
        for _ in range(4):
            turns.append("other")
            await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(feed.intake.take(Decoder(), bytes(3 * BYTES_PER_TURN_MAX + 1)), other())

    asyncio.run(main())
    assert turns == ["feed", "other"] * 4


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(-50, 50)), max_size=30), max_size=10),
    st.integers(4, 20),
)
def test_of_each_id_the_newest_stays_whatever_comes_and_no_more_wait_than_may(
    pieces: list[list[tuple[int, int]]], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(intake_module, "PENDING_REPORTS_MAX", limit)
        pending, dropped, count = Pending(), 0, 0
        newest: dict[str, int] = {}
        for piece in pieces:
            reports = [Report(f"name:{number}", at_ms, 0.0, 0.0) for number, at_ms in piece]
            dropped += pending.add(reports, 0)
            count += len(reports)
            for report in reports:
                newest[report.id] = max(newest.get(report.id, -100), min(report.at_ms, 0))
            assert len(pending) <= limit
        kept, times = pending.take(1000)
        assert len(kept) == len(times) == count - dropped
        assert len(pending) == 0
        if len(newest) <= limit // 2:
            assert {r.id: max(min(k.at_ms, 0) for k in kept if k.id == r.id) for r in kept} == newest
