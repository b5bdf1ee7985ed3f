"""What holds of every decoder of a stream, whatever it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from keepclear.codec.decoding import SAMPLE_CHARACTERS_MAX, Decoded, Decoder
from keepclear.core.reports import Report, gather

NOW_MS = 1_777_636_800_000  # 2026-05-01T12:00:00Z


def decode_in_pieces(decoder: Decoder, pieces: Sequence[bytes], now_ms: int = NOW_MS) -> Decoded:
    """Return all that a decoder says of a stream that comes in pieces and ends."""
    said = [decoder.decode(piece, now_ms) for piece in pieces]
    said.append(decoder.finish(now_ms))
    return Decoded(
        [report for each in said for report in each.reports],
        [fault for each in said for fault in each.malformed],
    )


def check_sane(decoded: Decoded) -> None:
    """Hold what was decoded to the contract, and let `gather` judge the values without raising."""
    for fault in decoded.malformed:
        assert fault.count >= 1
        assert fault.reason
        assert len(fault.sample) <= SAMPLE_CHARACTERS_MAX
        assert fault.sample.isprintable()
    gathered = gather("test", decoded.reports, NOW_MS)
    assert len(gathered.reports) + len(gathered.refused) == len(decoded.reports)


def shown(reports: Sequence[Report]) -> list[str]:
    """Return reports so that equal ones are equal, also where a number is NaN."""
    return [repr(report) for report in reports]


def cut_at(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Return the pieces of a stream that is cut at some places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def check_same_in_any_pieces(make: Callable[[], Decoder], data: bytes, places: Sequence[int]) -> None:
    """Hold a decoder to the same reports and the same count of faults however a stream is cut."""
    whole = decode_in_pieces(make(), [data])
    parts = decode_in_pieces(make(), cut_at(data, places))
    assert shown(parts.reports) == shown(whole.reports)
    assert sum(f.count for f in parts.malformed) == sum(f.count for f in whole.malformed)


cuts = st.lists(st.integers(0, 1 << 20), max_size=8)


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Return good bytes with some of them changed, left out, doubled or moved."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 6))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        to = draw(st.integers(at, min(len(data), at + 40)))
        how = draw(st.integers(0, 3))
        if how == 0:
            data[at] = draw(st.integers(0, 255))
        elif how == 1:
            del data[at:to]
        elif how == 2:
            data[at:at] = data[at:to]
        else:
            data[at:at] = draw(st.binary(max_size=20))
    return bytes(data)
