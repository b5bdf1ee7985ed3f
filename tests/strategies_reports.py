"""Hypothesis strategies for reports and for what a recording holds."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from keepclear.core.kinds import TrackKind
from keepclear.core.recorded import Entry, RecordedCycle, RecordedEvent, RecordedNote
from keepclear.core.reports import Report, Reports, gather
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

NOON_MS = 1_777_636_800_000
WORDS = st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=12
)  # printable
_MS = st.integers(NOON_MS - 3_600_000, NOON_MS + 3_600_000)


def _number(low: float, high: float, *steps: float) -> st.SearchStrategy[float]:
    """Numbers as sources tell them: in steps, with all their digits, or not at all."""

    def multiples(step: float) -> st.SearchStrategy[float]:
        whole = st.integers(math.ceil(low / step), math.floor(high / step))
        return whole.map(lambda k: k * step)

    stepped = [multiples(step) for step in steps]
    return st.one_of(*stepped, st.floats(low, high), st.just(math.nan))


REPORTS = st.builds(
    Report,
    id=st.one_of(st.integers(0, 2**24 - 1).map(lambda n: f"icao:{n:06x}"), WORDS),
    at_ms=_MS,
    latitude_deg=st.one_of(st.floats(-90, 90), st.integers(-90_000_000, 90_000_000).map(lambda k: k / 1e6)),
    longitude_deg=st.one_of(
        st.floats(-180, 180), st.integers(-180_000_000, 180_000_000).map(lambda k: k / 1e6)
    ),
    altitude_m=_number(-500.0, 20_000.0, FOOT_M, 0.5),
    pressure_altitude_ft=_number(-1_000.0, 60_000.0, 25.0),
    ground_speed_mps=_number(0.0, 600.0, KNOT_MPS),
    track_deg=_number(0.0, 359.0, 0.25),
    vertical_rate_mps=_number(-80.0, 80.0, FOOT_PER_MINUTE_MPS),
    horizontal_error_m=_number(0.0, 5_000.0, 1.0),
    vertical_error_m=_number(0.0, 500.0, FOOT_M),
    selected_altitude_ft=_number(0.0, 50_000.0, 100.0),
    on_ground=st.booleans(),
    kind=st.sampled_from(TrackKind),
    callsign=st.none() | WORDS,
    squawk=st.none() | WORDS,
    party=st.none() | st.sampled_from(["alpha", "bravo"]),
    operation=st.none() | WORDS,
)
"""Reports as a decoder makes them, valid ones."""


@st.composite
def batches(draw: st.DrawFn, min_size: int = 1, max_size: int = 12) -> Reports:
    """Return reports of one source, received together or one after the other."""
    rows = draw(st.lists(REPORTS, min_size=min_size, max_size=max_size))
    gathered = gather(draw(st.sampled_from(["radar-1", "readsb", "a/b"])), rows, draw(_MS))
    assert not gathered.refused, gathered.refused
    if draw(st.booleans()):
        gathered.reports.received_ms[:] += np.arange(len(rows))
    return gathered.reports


ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    batches(),
    st.builds(RecordedCycle, at_ms=_MS, track_count=st.integers(0, 10_000), digest=st.binary(max_size=32)),
    st.builds(RecordedEvent, at_ms=_MS, what=WORDS, text=st.binary(max_size=100)),
    st.builds(RecordedNote, at_ms=_MS, text=WORDS),
)
"""What a recording holds."""


def same_reports(a: Reports, b: Reports) -> bool:
    """Tell whether two batches are equal to the last bit, NaN equal to NaN."""
    for name in Reports.__dataclass_fields__:
        one, other = getattr(a, name), getattr(b, name)
        if isinstance(one, np.ndarray):
            if one.dtype != other.dtype or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
                return False
            if one.dtype.kind == "f" and not np.array_equal(np.signbit(one), np.signbit(other)):
                return False
        elif one != other:
            return False
    return True


def same_entries(a: list[Entry], b: list[Entry]) -> bool:
    """Tell whether entries are equal."""
    return len(a) == len(b) and all(
        same_reports(one, other) if isinstance(one, Reports) and isinstance(other, Reports) else one == other
        for one, other in zip(a, b, strict=True)
    )
