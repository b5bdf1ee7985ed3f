"""The live chain is measured on aircraft that are clear of each other, and on pairs that are not."""

from __future__ import annotations

from bench.encounters import MISSED
from bench.live_chain import Sky, _pair, _steady
from keepclear.codec.report_lines import ReportLinesDecoder
from keepclear.core.foresight import foresee
from keepclear.core.named_rules import RULE_SETS
from keepclear.core.reports import gather
from keepclear.core.separation import judge
from keepclear.core.times import floor_ms
from keepclear.core.track_table import TrackTable
from tests.strategies import NOON

NOW_MS = floor_ms(NOON)


def findings(lines: bytes) -> tuple[int, int]:
    """Return how many aircraft lines tell of, and how many pairs of them are found."""
    decoded = ReportLinesDecoder().decode(lines, NOW_MS)
    assert decoded.malformed == []
    table = TrackTable()
    table.take(gather("bench", decoded.reports, NOW_MS).reports)
    picture = table.picture(NOW_MS)
    judged = judge(foresee(picture).air, RULE_SETS["en-route"])
    return len(picture), len(judged.findings) + len(judged.cannot_exclude)


def test_the_aircraft_in_lanes_are_clear_of_each_other_whenever_they_are_looked_at() -> None:
    sky = Sky(1_000)
    for flown_s in (0.0, 777.7, 1_800.0):
        assert findings(sky.lines(slice(0, 1_000), NOW_MS, flown_s)) == (1_000, 0)


def test_each_planted_pair_is_one_that_is_found_and_clear_of_all_others() -> None:
    lines = b"".join(_pair(number, NOW_MS) for number in range(0, 1_800, 45))
    assert findings(lines) == (80, 40)


def test_memory_that_was_once_a_tenth_above_what_it_was_at_first_is_not_steady() -> None:
    assert MISSED not in _steady([100.0, 109.9, 90.0])
    assert MISSED in _steady([100.0, 110.1, 90.0])
