"""Recordings as bytes: every bit comes back, and nothing that is damaged is believed."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import recordings, report_columns
from keepclear.codec.recordings import (
    HEAD_BYTES,
    Frame,
    Gap,
    Header,
    decode_frame,
    decode_header,
    encode_entries,
    encode_header,
    frames_of,
    head_of,
)
from keepclear.codec.report_columns import FRAME_REPORTS_MAX, decode_reports, encode_reports
from keepclear.core.errors import InvalidValueError
from keepclear.core.recorded import Entry, RecordedCycle, RecordedEvent, RecordedNote
from keepclear.core.reports import Report, Reports, gather
from tests.strategies_reports import ENTRIES, NOON_MS, batches, same_entries, same_reports

HEADER = Header(party="alpha", node="node-1", started_ms=NOON_MS)


def few(n: int = 3, source: str = "radar-1", first: int = 0) -> Reports:
    rows = [Report(f"track:{first + k}", NOON_MS + k, 35.0 + k / 1e5, 36.0) for k in range(n)]
    return gather(source, rows, NOON_MS + 500).reports


def example(*, more: Sequence[Entry] = ()) -> bytes:
    entries: list[Entry] = [few(), RecordedCycle(at_ms=NOON_MS, track_count=3, digest=b"x" * 16), *more]
    entries += [few(2), RecordedEvent(at_ms=NOON_MS, what="feed", text=b"{}"), few(4)]
    return encode_header(HEADER) + encode_entries(entries)


def read(data: bytes) -> tuple[list[Entry], list[Gap], int]:
    """Return what a file holds, what lies between, and how many frames were refused."""
    _, start = decode_header(data)
    entries: list[Entry] = []
    gaps: list[Gap] = []
    refused = 0
    for part in frames_of(data, start):
        if isinstance(part, Gap):
            gaps.append(part)
            continue
        try:
            entries += decode_frame(data, part)
        except InvalidValueError:
            refused += 1
    return entries, gaps, refused


def test_what_is_recorded_comes_back_in_its_order() -> None:
    entries: list[Entry] = [
        few(3),
        few(2, source="readsb"),
        RecordedNote(at_ms=NOON_MS, text="It begins."),
        few(1),
        RecordedCycle(at_ms=NOON_MS + 1_000, track_count=5),
        RecordedEvent(at_ms=NOON_MS + 1_000, what="alert", text=b'{"alert":"A-000001"}'),
    ]
    data = encode_header(HEADER) + encode_entries(entries)
    header, _ = decode_header(data)
    assert header == HEADER
    found, gaps, refused = read(data)
    assert same_entries(found, entries)
    assert (gaps, refused) == ([], 0)


@pytest.mark.slow
@given(st.lists(ENTRIES, max_size=8))
def test_law_reading_what_was_written_gives_the_same_to_the_last_bit(entries: list[Entry]) -> None:
    found, gaps, refused = read(encode_header(HEADER) + encode_entries(entries))
    assert same_entries(found, entries)
    assert (gaps, refused) == ([], 0)


@pytest.mark.slow
@given(st.lists(batches(), min_size=1, max_size=4))
def test_law_reports_in_columns_come_back_to_the_last_bit(given_batches: list[Reports]) -> None:
    found = decode_reports(encode_reports(given_batches))
    assert all(same_reports(one, other) for one, other in zip(given_batches, found, strict=True))


def test_a_minus_zero_and_words_that_are_alike_come_back() -> None:
    rows = [Report("a", NOON_MS, -0.0, 0.0, callsign="X"), Report("b", NOON_MS, 0.0, -0.0, callsign="X")]
    reports = gather("s", rows, NOON_MS).reports
    (found,) = decode_reports(encode_reports([reports]))
    assert same_reports(reports, found)


def test_more_reports_than_a_frame_holds_are_parted_and_an_empty_batch_is_not_written() -> None:
    reports = few(FRAME_REPORTS_MAX + 7)
    found, _, _ = read(encode_header(HEADER) + encode_entries([few(0), reports]))
    assert [len(each) for each in found if isinstance(each, Reports)] == [FRAME_REPORTS_MAX, 7]
    assert encode_entries([few(0)]) == b""


def test_the_heads_tell_times_and_counts_without_unpacking() -> None:
    data = encode_entries([few(3), few(2, source="other")])
    head = head_of(data)
    assert head is not None
    assert (head.report_count, head.from_ms, head.to_ms) == (5, NOON_MS + 500, NOON_MS + 500)
    assert len(data) == HEAD_BYTES + head.body_bytes


# -- damage -----------------------------------------------------------------------------------------


def test_a_last_frame_that_breaks_off_is_told_as_torn_and_the_rest_is_read() -> None:
    data = example()
    whole, _, _ = read(data)
    last = len(encode_entries([few(4)]))
    for cut in range(1, last):
        found, gaps, refused = read(data[:-cut])
        assert same_entries(found, whole[:-1])
        assert [(gap.is_torn, gap.reason) for gap in gaps] == [(True, "the last frame breaks off")]
        assert refused == 0


def test_a_frame_that_was_damaged_in_the_middle_is_left_out_and_all_others_are_read() -> None:
    data = bytearray(example())
    _, start = decode_header(bytes(data))
    frames = [part for part in frames_of(bytes(data), start) if isinstance(part, Frame)]
    whole, _, _ = read(bytes(data))
    for number, frame in enumerate(frames):
        for place in (frame.body.start - HEAD_BYTES + 6, frame.body.start + 2):  # in its head, in its body
            damaged = bytearray(data)
            damaged[place] ^= 0x40
            found, gaps, refused = read(bytes(damaged))
            assert same_entries(found, whole[:number] + whole[number + 1 :])
            assert len(gaps) + refused == 1
            assert not any(gap.is_torn for gap in gaps if number < len(frames) - 1)


@given(st.randoms(use_true_random=False))
def test_fuzz_whatever_happens_to_a_file_only_whole_frames_are_believed(chance: random.Random) -> None:
    data = bytearray(example(more=[RecordedNote(at_ms=NOON_MS, text="hm")]))
    whole, _, _ = read(bytes(data))
    start = decode_header(bytes(data))[1]
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(start, len(data))
        what = chance.randrange(4)
        if what == 0:
            data[place] = chance.randrange(256)
        elif what == 1:
            del data[place : place + chance.randint(1, 50)]
        elif what == 2:
            data[place:place] = chance.randbytes(chance.randint(1, 50))
        else:
            data[place:place] = data[start : start + chance.randint(1, 200)]
        if len(data) <= start:
            return
    found, _, _ = read(bytes(data))
    for entry in found:
        assert any(same_entries([entry], [known]) for known in whole)


@given(st.binary(max_size=300))
def test_fuzz_bytes_of_any_kind_raise_nothing_but_a_clear_refusal(data: bytes) -> None:
    for part in frames_of(data, 0):
        if isinstance(part, Frame):
            with pytest.raises(InvalidValueError):
                decode_frame(data, part)
    with pytest.raises(InvalidValueError, match="no recording"):
        decode_header(data)


def framed(kind: int, plain: bytes, count: int = 0, span: tuple[int, int] = (NOON_MS, NOON_MS)) -> bytes:
    """Return a frame as somebody makes it who knows the format and means ill."""
    body = zlib.compress(plain)
    head = struct.pack(">4sBIIqqI", b"\xf5KCR", kind, len(body), count, *span, zlib.crc32(body))
    return head + struct.pack(">I", zlib.crc32(head)) + body


def refusal(data: bytes) -> str:
    (frame,) = frames_of(data, 0)
    assert isinstance(frame, Frame)
    with pytest.raises(InvalidValueError) as caught:
        decode_frame(data, frame)
    return str(caught.value)


def test_a_frame_that_unpacks_to_too_much_is_refused_before_it_fills_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recordings, "FRAME_PLAIN_BYTES_MAX", 1_000)
    assert "does not end where it should" in refusal(framed(4, b"\0" * 1_001))


def test_a_frame_of_times_that_no_calendar_has_is_damaged() -> None:
    for span in ((-1, NOON_MS), (NOON_MS, 2**62), (NOON_MS, NOON_MS - 1)):
        (found,) = frames_of(framed(4, b"", span=span), 0)
        assert isinstance(found, Gap)


@given(st.randoms(use_true_random=False))
def test_fuzz_columns_of_a_forger_are_refused_or_hold_what_reports_may(chance: random.Random) -> None:
    plain = bytearray(encode_reports([few(5), few(3, source="b", first=10)]))
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(plain))
        if chance.random() < 0.7:
            plain[place] = chance.randrange(256)
        else:
            del plain[place]
    try:
        found = decode_reports(bytes(plain))
    except InvalidValueError:
        return
    for batch in found:
        assert (abs(batch.latitude_deg) <= 90.0).all()
        assert all(word.isprintable() for word in batch.ids)


@pytest.mark.parametrize(
    ("kind", "told", "reason"),
    [
        (2, [NOON_MS, -1, b""], "track_count"),
        (2, [NOON_MS, 1, b"x" * 33], "digest"),
        (2, [NOON_MS], "cannot be read"),
        (3, [NOON_MS, "", b"{}"], "what"),
        (3, [NOON_MS, "feed", b"x" * 65_537], "text"),
        (4, [NOON_MS, "\x07"], "text"),
        (4, [NOON_MS, 5], "cannot be read"),
        (4, [NOON_MS + 1, "late"], "another time than its head says"),
    ],
)
def test_what_a_forger_puts_into_a_good_frame_is_refused(kind: int, told: list[object], reason: str) -> None:
    assert reason in refusal(framed(kind, msgspec.msgpack.encode(told)))


def test_a_head_that_tells_another_number_of_reports_is_refused() -> None:
    plain = encode_reports([few(3)])
    span = (NOON_MS + 500, NOON_MS + 500)
    assert "another number of reports" in refusal(framed(1, plain, 2, span))
    note = msgspec.msgpack.encode([NOON_MS, "hm"])
    assert "tells of reports where there are none" in refusal(framed(4, note, 1))


def test_columns_of_other_lengths_are_refused() -> None:
    column = report_columns._Ints(0, 1, b"abc")
    with pytest.raises(InvalidValueError, match="do not fit each other"):
        report_columns._unpacked_ints(column, 4)
    with pytest.raises(InvalidValueError, match="too large"):
        report_columns._unpacked_ints(report_columns._Ints(0, 8, b"\xff" * 8), 1)
    with pytest.raises(InvalidValueError, match="too large"):
        report_columns._unpacked_ints(report_columns._Ints(2**63 - 1, 0, b""), 1)


def test_a_file_of_another_version_says_so() -> None:
    with pytest.raises(InvalidValueError, match="another version"):
        decode_header(b'{"format":"keepclear-recording/2","party":"a","started_ms":0}\n')
    with pytest.raises(InvalidValueError, match="is damaged"):
        decode_header(b'{"format":"keepclear-recording/1","party":5}\n')


def test_a_report_takes_less_than_forty_bytes() -> None:
    chance = random.Random(1)
    rows = [
        Report(
            f"icao:{chance.randrange(2**24):06x}",
            NOON_MS - chance.randrange(3_000),
            round(chance.uniform(44, 50), 6),
            round(chance.uniform(5, 13), 6),
            pressure_altitude_ft=25.0 * chance.randrange(1_600),
            ground_speed_mps=chance.randrange(5_000) / 10 * (1852.0 / 3600.0),
            track_deg=round(chance.uniform(0, 359), 2),
            vertical_rate_mps=64.0 * chance.randrange(-30, 30) * (0.3048 / 60.0),
            horizontal_error_m=chance.choice([7.5, 25.0, 92.6]),
            callsign=f"ABC{chance.randrange(10_000)}",
            squawk=f"{chance.randrange(8**4):04o}",
        )
        for _ in range(2_000)
    ]
    data = encode_entries([gather("readsb", rows, NOON_MS).reports])
    assert len(data) / len(rows) < 40.0
