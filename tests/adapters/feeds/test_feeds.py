"""Feeds run by themselves: what is wrong with one is told, and is nothing to the others."""

from __future__ import annotations

import asyncio
import functools
from random import Random

import pytest

from keepclear.adapters.clock import now
from keepclear.adapters.feeds import feeds as feeds_module
from keepclear.adapters.feeds import intake as intake_module
from keepclear.adapters.feeds.address import parse_feeds
from keepclear.adapters.feeds.feeds import Feeds
from keepclear.core.errors import InvalidValueError
from keepclear.core.feed_health import FeedState
from keepclear.core.reports import Reports
from tests.adapters.feeds.feeding import Other, Taken, line, of, other, run, running, until

SBS = b"MSG,3,1,1,4B1814,1,2026/01/31,12:00:00.000,2026/01/31,12:00:00.000,,36000,,,46.5,7.1,,,0,0,0,0\r\n"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.adapters.feeds.lost.BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr("keepclear.adapters.feeds.lost.BACKOFF_MAX_S", 0.02)
    monkeypatch.setattr(feeds_module, "HAND_OVER_S", 0.005)


def test_reports_of_all_feeds_come_with_the_names_of_the_feeds() -> None:
    async def main() -> None:
        taken = Taken()
        async with (
            other() as lines,
            other() as sbs,
            running(taken, f"ndjson://127.0.0.1:{lines.port}", f"roof=sbs://127.0.0.1:{sbs.port}") as feeds,
        ):
            await until(lambda: lines.count and sbs.count)
            assert {health.state for health in feeds.health()} == {FeedState.CONNECTING}
            lines.say(line("name:a"))
            sbs.say(SBS)
            await until(lambda: len(taken.ids()) == 2)
            assert taken.ids("ndjson-1") == ["name:a"]
            assert taken.ids("roof") == ["icao:4b1814"]
            assert {health.state for health in feeds.health()} == {FeedState.LIVE}

    run(main)


def test_a_feed_that_ends_and_begins_again_is_connected_again_and_counts_it() -> None:
    async def main() -> None:
        taken = Taken()
        async with other() as server, running(taken, f"ndjson://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.count)
            server.say(line("name:a") + b'{"id":"name:half')
            await until(lambda: taken.ids() == ["name:a"])
            await server.stop()
            await until(lambda: of(feeds, "ndjson-1").state is FeedState.WAITING)
            await until(lambda: "cannot be connected" in str(of(feeds, "ndjson-1").last_problem))
            await server.start()
            await until(lambda: server.count)
            server.say(line("name:b"))
            await until(lambda: taken.ids() == ["name:a", "name:b"])
            health = of(feeds, "ndjson-1")
            assert (health.state, health.reconnect_count) == (FeedState.LIVE, 1)
            assert health.malformed_count == 1  # the half of a line

    run(main)


def has_read(feeds: Feeds, name: str, byte_count: int) -> bool:
    return of(feeds, name).bytes_count == byte_count


def test_a_feed_of_random_bytes_is_told_as_such_and_others_lose_nothing() -> None:
    async def main() -> None:
        taken = Taken()
        random = Random(4)
        async with (
            other() as bad,
            other() as good,
            running(
                taken,
                *(f"{name}://127.0.0.1:{bad.port}" for name in ("ndjson", "sbs", "cot")),
                f"good=ndjson://127.0.0.1:{good.port}",
            ) as feeds,
        ):
            await until(lambda: bad.count == 3 and good.count)
            for number in range(50):
                bad.say(random.randbytes(4000) + b"\n")
                good.say(line(f"name:{number}"))
            await until(lambda: len(taken.ids("good")) == 50)
            for name in ("ndjson-1", "sbs-1", "cot-1"):
                await until(functools.partial(has_read, feeds, name, 50 * 4001))
                health = of(feeds, name)
                assert health.malformed_count
                assert health.report_count == 0
                assert health.state is not FeedState.LIVE
                assert 0 < len(health.samples) <= 10
            assert of(feeds, "good").malformed_count == 0

    run(main)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_whatever_becomes_of_one_feed_the_others_lose_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "PENDING_REPORTS_MAX", 1000)
    monkeypatch.setattr(intake_module, "BATCH_REPORTS_MAX", 200)
    random = Random(seed)

    async def trouble(bad: Other) -> None:
        whole = line("name:bad")
        match random.choice(("drop", "restart", "garbage", "flood", "slow", "silent")):
            case "drop":
                bad.drop()
            case "restart":
                await bad.stop()
                await asyncio.sleep(0.01)
                await bad.start()
            case "garbage":
                bad.say(random.randbytes(random.choice((1, 1000, 200_000))))
            case "flood":
                bad.say(b"".join(line(f"name:{n}") for n in range(3000)))
            case "slow":
                for at in range(len(whole)):
                    bad.say(whole[at : at + 1])
                    await asyncio.sleep(0)
            case "silent":
                await asyncio.sleep(0.03)

    async def main() -> None:
        taken = Taken()
        async with (
            other() as bad,
            other() as good,
            running(
                taken, f"bad=ndjson://127.0.0.1:{bad.port}", f"good=ndjson://127.0.0.1:{good.port}"
            ) as feeds,
        ):
            await until(lambda: good.count and bad.count)
            for number in range(40):
                good.say(line(f"name:{number}"))
                await trouble(bad)
            await until(lambda: len(taken.ids("good")) >= 40)
            assert taken.ids("good") == [f"name:{number}" for number in range(40)]
            health = of(feeds, "good")
            assert (health.dropped_count, health.reconnect_count, health.problems) == (0, 0, ())
            assert all(intake.pending_count <= 1000 for intake in feeds._intakes)
            # And the bad one works again as soon as it behaves.
            while "name:well" not in taken.ids("bad"):
                bad.say(b"\n" + line("name:well"))
                await asyncio.sleep(0.005)

    run(main)


def test_a_flood_keeps_the_newest_of_each_id_counts_the_rest_and_spares_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intake_module, "PENDING_REPORTS_MAX", 400)
    monkeypatch.setattr(intake_module, "BATCH_REPORTS_MAX", 100)

    async def main() -> None:
        taken = Taken()
        flood = b"".join(line(f"name:{n % 50}", 1_700_000_000_000 + n) for n in range(20_000))
        async with (
            other() as bad,
            other() as good,
            running(
                taken, f"bad=ndjson://127.0.0.1:{bad.port}", f"good=ndjson://127.0.0.1:{good.port}"
            ) as feeds,
        ):
            await until(lambda: bad.count and good.count)
            bad.say(flood)
            for number in range(50):
                good.say(line(f"name:{number}"))
                await asyncio.sleep(0)
            await until(lambda: len(taken.ids("good")) == 50)
            await until(lambda: of(feeds, "bad").bytes_count == len(flood))
            await until(lambda: sum(map(len, taken.batches)) - 50 + of(feeds, "bad").dropped_count == 20_000)
            assert of(feeds, "bad").dropped_count > 0
            assert of(feeds, "good").dropped_count == 0
            newest = {
                one: at_ms
                for batch in taken.batches
                if batch.source == "bad"
                for one, at_ms in zip(batch.ids, batch.at_ms.tolist(), strict=True)
            }
            assert newest == {f"name:{n}": 1_700_000_000_000 + 19_950 + n for n in range(50)}

    run(main)


def test_a_fault_of_who_takes_is_told_and_the_feeds_go_on(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        taken: list[str] = []

        def take(reports: Reports) -> None:
            if "name:bad" in reports.ids:
                raise RuntimeError("by a fault")
            taken.extend(reports.ids)

        async with other() as server, running(take, f"ndjson://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.count)
            server.say(line("name:bad"))
            await until(lambda: of(feeds, "ndjson-1").dropped_count == 1)
            server.say(line("name:good"))
            await until(lambda: taken == ["name:good"])
            assert "could not be taken" in str(of(feeds, "ndjson-1").last_problem)

    run(main)
    assert "reports could not be taken" in caplog.text


def test_a_fault_of_a_decoder_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        taken = Taken()
        async with other() as server, running(taken, f"ndjson://127.0.0.1:{server.port}") as feeds:
            await until(lambda: server.count)
            with monkeypatch.context() as patched:
                patched.setattr("keepclear.codec.report_lines.ReportLinesDecoder.decode", lambda *_: 1 / 0)
                server.say(line("name:a"))
                await until(lambda: of(feeds, "ndjson-1").state is FeedState.FAILED)
                assert "ZeroDivisionError" in str(of(feeds, "ndjson-1").last_problem)
            await until(lambda: server.accepted > 1 and server.count)
            server.say(line("name:b"))
            await until(lambda: taken.ids() == ["name:b"])

    run(main)
    assert "a fault in a feed" in caplog.text


def test_a_feed_whose_extra_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.adapters.feeds.formats.find_spec", lambda _: None)

    async def main() -> None:
        async with running(Taken(), "beast://127.0.0.1:1") as feeds:
            await until(lambda: of(feeds, "beast-1").state is FeedState.FAILED)
            assert "pip install 'keepclear[adsb]'" in str(of(feeds, "beast-1").last_problem)
            assert feeds.has_ended

    run(main)


def test_recordings_are_not_mixed_with_what_is_live() -> None:
    with pytest.raises(InvalidValueError, match="do not mix"):
        Feeds(parse_feeds(["sbs://127.0.0.1:1", "flight.ndjson"]), now, Taken())
