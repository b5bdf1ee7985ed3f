"""Reports: what a source says of where things were, many at once in columns.

A reader of a feed makes one `Report` of each message with a position, without looking at its values;
`gather` checks them all at once and gives back columns, and which reports it refused and why. Nothing is
dropped silently: whoever gathers counts the refused ones and shows them.

What a source does not tell is NaN, or None. Altitudes are kept apart by what they are measured against:
metres above the WGS84 ellipsoid, and pressure altitude in feet as it was received.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import Floats
from keepclear.core.intents import CALLSIGN_CHARACTERS_MAX, ID_CHARACTERS_MAX
from keepclear.core.kinds import TrackKind
from keepclear.core.packed import Ints
from keepclear.core.times import TIME_MAX, TIME_MIN, floor_ms
from keepclear.core.tracks import SPEED_MAX_MPS
from keepclear.core.units import m_to_feet

ERROR_MAX_M: Final = 1_000_000.0
"""No report states a larger error of its position or altitude."""

Flags = npt.NDArray[np.bool_]
"""A truth for each row, shape (n,)."""
OptionalWords = tuple[str | None, ...]
"""A word for each row; None where it is not told."""


class Report(NamedTuple):
    """One message of a source about where something was; not checked yet.

    Attributes:
        id: What the source calls it, the same in all its reports, with what kind of id that is before a
            colon: `icao:4b1814` (24-bit address, lower case), `rid:1596F3...` (serial number of a drone),
            `cot:UID`, `track:17` (number given by a radar or a tracker), `name:whatever`. Two sources
            that tell the same id mean the same thing, except for `track:`, which each source numbers alone.
        at_ms: When it was there, milliseconds since 1970.
        latitude_deg: Where, degrees.
        longitude_deg: Where, degrees, -180..180.
        altitude_m: Height above the WGS84 ellipsoid, metres.
        pressure_altitude_ft: Pressure altitude (1013.25 hPa), feet, as received.
        ground_speed_mps: Speed over the ground.
        track_deg: Direction of motion over the ground from true north, 0..360.
        vertical_rate_mps: Metres per second, up when positive.
        horizontal_error_m: How far it may be from there (95 %), metres.
        vertical_error_m: The same of its altitude.
        selected_altitude_ft: The pressure altitude at which it is set to level off, feet.
        on_ground: Whether it says that it is on the ground.
        kind: What it is.
        callsign: What it is called by radio.
        squawk: Its transponder code, four digits.
        party: Whose it is.
        operation: The id of the operational intent that it says it flies.
    """

    id: str
    at_ms: int
    latitude_deg: float
    longitude_deg: float
    altitude_m: float = math.nan
    pressure_altitude_ft: float = math.nan
    ground_speed_mps: float = math.nan
    track_deg: float = math.nan
    vertical_rate_mps: float = math.nan
    horizontal_error_m: float = math.nan
    vertical_error_m: float = math.nan
    selected_altitude_ft: float = math.nan
    on_ground: bool = False
    kind: TrackKind = TrackKind.UNKNOWN
    callsign: str | None = None
    squawk: str | None = None
    party: str | None = None
    operation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reports:
    """Reports of one source in the order in which they came, checked; n of them.

    Attributes:
        source: The name of the source, such as `readsb-1`.
        received_ms: When this node received them, milliseconds since 1970, shape (n,).
        ids: See `Report`, as all that follows; each column has the shape (n,).
    """

    source: str
    received_ms: Ints
    ids: tuple[str, ...]
    at_ms: Ints
    latitude_deg: Floats
    longitude_deg: Floats
    altitude_m: Floats
    pressure_altitude_ft: Floats
    ground_speed_mps: Floats
    track_deg: Floats
    vertical_rate_mps: Floats
    horizontal_error_m: Floats
    vertical_error_m: Floats
    selected_altitude_ft: Floats
    on_ground: Flags
    kinds: tuple[TrackKind, ...]
    callsigns: OptionalWords
    squawks: OptionalWords
    parties: OptionalWords
    operations: OptionalWords

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)


class Refused(NamedTuple):
    """A report that is not taken.

    Attributes:
        row: Its place among those given.
        reason: Why not, as a clause without a full stop.
    """

    row: int
    reason: str


class Gathered(NamedTuple):
    """Checked reports, and those that were refused."""

    reports: Reports
    refused: tuple[Refused, ...]


_BOUNDS: Final = (
    ("latitude_deg", -90.0, 90.0, False),
    ("longitude_deg", -180.0, 180.0, False),
    ("altitude_m", -HEIGHT_MAX_M, HEIGHT_MAX_M, True),
    ("pressure_altitude_ft", -m_to_feet(HEIGHT_MAX_M), m_to_feet(HEIGHT_MAX_M), True),
    ("ground_speed_mps", 0.0, SPEED_MAX_MPS, True),
    ("track_deg", 0.0, 360.0, True),
    ("vertical_rate_mps", -SPEED_MAX_MPS, SPEED_MAX_MPS, True),
    ("horizontal_error_m", 0.0, ERROR_MAX_M, True),
    ("vertical_error_m", 0.0, ERROR_MAX_M, True),
    ("selected_altitude_ft", -m_to_feet(HEIGHT_MAX_M), m_to_feet(HEIGHT_MAX_M), True),
)
"""Least and greatest value of each column of numbers, and whether it may be left untold."""
_TIME_MIN_MS: Final = floor_ms(TIME_MIN)
_TIME_MAX_MS: Final = floor_ms(TIME_MAX)


def gather(source: str, rows: Sequence[Report], received_ms: int) -> Gathered:
    """Check reports and put them into columns.

    Args:
        source: The name of the source.
        rows: The reports. Their numbers may be of any value; their words must be text or None.
        received_ms: When they were received, milliseconds since 1970.

    Returns:
        Those that can be what they say, and the others with the reason.
    """
    reasons: dict[int, str] = {}
    columns = list(zip(*rows, strict=True)) or [()] * len(Report._fields)
    by_name = dict(zip(Report._fields, columns, strict=True))
    at_ms = by_name["at_ms"]
    for row, ms in enumerate(at_ms):
        if not _TIME_MIN_MS <= ms <= _TIME_MAX_MS:
            reasons.setdefault(row, "its time is outside the years 1900 to 2199")
    numbers: dict[str, Floats] = {}
    for name, least, greatest, may_lack in _BOUNDS:
        values = np.array(by_name[name], dtype=np.float64)
        bad = ~((values >= least) & (values <= greatest))  # catches NaN too
        if may_lack:
            bad &= ~np.isnan(values)
        for row in np.flatnonzero(bad).tolist():
            reasons.setdefault(row, f"{name} {values[row]:g} is not within {least:g}..{greatest:g}")
        numbers[name] = values
    for name, characters_max in (
        ("id", ID_CHARACTERS_MAX),
        ("callsign", CALLSIGN_CHARACTERS_MAX),
        ("squawk", CALLSIGN_CHARACTERS_MAX),
        ("party", ID_CHARACTERS_MAX),
        ("operation", ID_CHARACTERS_MAX),
    ):
        for row, word in enumerate(by_name[name]):
            if word is not None and not (0 < len(word) <= characters_max and word.isprintable()):
                reasons.setdefault(row, f"{name} is not 1 to {characters_max} printable characters")
    if reasons:
        kept = [report for row, report in enumerate(rows) if row not in reasons]
        refused = tuple(Refused(row, reasons[row]) for row in sorted(reasons))
        return Gathered(gather(source, kept, received_ms).reports, refused)
    numbers["track_deg"] = np.where(numbers["track_deg"] == 360.0, 0.0, numbers["track_deg"])
    reports = Reports(
        source=source,
        received_ms=np.full(len(rows), received_ms, dtype=np.int64),
        ids=tuple(by_name["id"]),
        at_ms=np.array(at_ms, dtype=np.int64),
        latitude_deg=numbers["latitude_deg"],
        longitude_deg=numbers["longitude_deg"],
        altitude_m=numbers["altitude_m"],
        pressure_altitude_ft=numbers["pressure_altitude_ft"],
        ground_speed_mps=numbers["ground_speed_mps"],
        track_deg=numbers["track_deg"],
        vertical_rate_mps=numbers["vertical_rate_mps"],
        horizontal_error_m=numbers["horizontal_error_m"],
        vertical_error_m=numbers["vertical_error_m"],
        selected_altitude_ft=numbers["selected_altitude_ft"],
        on_ground=np.array(by_name["on_ground"], dtype=np.bool_),
        kinds=tuple(by_name["kind"]),
        callsigns=tuple(by_name["callsign"]),
        squawks=tuple(by_name["squawk"]),
        parties=tuple(by_name["party"]),
        operations=tuple(by_name["operation"]),
    )
    return Gathered(reports, ())


def check_columns(reports: Reports) -> None:
    """Refuse columns that `gather` cannot have made, such as those of a file that somebody changed.

    Raises:
        InvalidValueError: A value is out of range, or a word is none.
    """
    for name, least, greatest, may_lack in _BOUNDS:
        values = getattr(reports, name)
        good = (values >= least) & (values <= greatest)
        if not (good | np.isnan(values) if may_lack else good).all():
            raise InvalidValueError(name, f"a value is not within {least:g}..{greatest:g}")
    for name, times in (("at_ms", reports.at_ms), ("received_ms", reports.received_ms)):
        if not ((times >= _TIME_MIN_MS) & (times <= _TIME_MAX_MS)).all():
            raise InvalidValueError(name, "a time is outside the years 1900 to 2199")
    for name, words, characters_max in (
        ("source", (reports.source,), ID_CHARACTERS_MAX),
        ("id", reports.ids, ID_CHARACTERS_MAX),
        ("callsign", reports.callsigns, CALLSIGN_CHARACTERS_MAX),
        ("squawk", reports.squawks, CALLSIGN_CHARACTERS_MAX),
        ("party", reports.parties, ID_CHARACTERS_MAX),
        ("operation", reports.operations, ID_CHARACTERS_MAX),
    ):
        for word in set(words) - {None}:
            if not (0 < len(word or "") <= characters_max and (word or "").isprintable()):
                raise InvalidValueError(name, f"it is not 1 to {characters_max} printable characters")
    if None in reports.ids:
        raise InvalidValueError("id", "it is missing")
