"""The columns of a track table: a slot for each track of each source, and its history as a ring.

Slots are dense and used again. A column is an array with a value for each slot; a column of the history
has `HISTORY_POINTS_MAX` values for each. What a slot holds is decided in `track_table`.

Nearly all memory of a table is that of the history. Its columns have a row for each slot that there may be,
from the beginning, in one block of zeros: one so large takes memory only where it was written, and as tracks
come and go nothing of it is copied or freed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.geodesy import Floats
from keepclear.core.packed import Ints
from keepclear.core.plausibility import surface_points
from keepclear.core.reports import Flags
from keepclear.core.track_picture import Codes
from keepclear.core.units import FOOT_M

HISTORY_POINTS_MAX: Final = 64
"""So many points of its past are kept of each track of each source, besides the newest."""
HISTORY_SPACING_MS: Final = 4_700
"""They are at least so far apart, so that they cover five minutes."""
_SLOTS_FIRST: Final = 256
_SPARE: Final = 4  # where slots are lacking, at least so great a part of those there are is added
ID_KINDS: Final = ("icao", "rid", "cot", "name", "track")
"""Kinds of ids, the one that an aircraft is rather called by first. Those of the last kind were given by a
radar or a tracker and tell no identity."""
TRACK_RANK: Final = ID_KINDS.index("track")
"""The place of that kind."""
OTHER_RANK: Final = len(ID_KINDS)
"""Stands for ids of no kind that is known."""
NEVER_MS: Final = -(2**62)
"""Before every instant."""

DERIVED_AGE_MIN_S: Final = 2.0
"""A motion is derived from positions that are so far apart in time at least."""
_DERIVED_AGE_GOOD_S: Final = 4.0
_DERIVED_AGE_MAX_S: Final = 60.0
_DERIVED_LOOKS: Final = 4
_SLOPE_S: Final = 30.0
_TURN_S: Final = 20.0
_TURN_STEP_MAX_DEG: Final = 150.0
_TREND_SPAN_MIN_S: Final = 10.0
_TREND_POINTS_MIN: Final = 3
_TREND_LOOKS: Final = 7

Objects = npt.NDArray[np.object_]
Singles = npt.NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Columns:
    """What is held of each track of each source; n slots.

    Attributes:
        serial: Its number among all there ever were; -1 where the slot is free.
        source: The number of its source.
        identity: The number of its id, the same in all sources that tell it.
        rank: The place of its kind of id among `ID_KINDS`.
        kind: The code of its kind, see `plausibility.KINDS`.
        position_ms: When its position changed last.
        believed_ms: The instant of the newest report that was believed.
        reported_ms: That of the newest report, believed or not.
        altitude_ms: When its altitudes were told.
        since_ms: History before this is of another place and derives nothing.
        latitude_deg: Where it is believed to have been then.
        longitude_deg: Degrees.
        said_latitude_deg: Where the newest report puts it, believed or not.
        said_longitude_deg: Degrees.
        altitude_m: See `TrackPicture`, as the other columns of that name.
        accuracy_m: How far its position may be off, told or by default.
        vertical_accuracy_m: The same of its altitude; infinite where none was told.
        told_mps: Its speed as told; NaN where not.
        told_deg: Its track as told; NaN where not.
        fastest_mps: The greatest speed that it told.
        other_ms: When it was last reported out of reach and is not believed.
        other_latitude_deg: Where that was.
        other_longitude_deg: Degrees.
        other_count: How many reports in a row agree with that place.
        suspect_until_ms: Until then it is suspect because it jumped.
        jump_ms: When it jumped last.
        jump_m: How far.
        id: Its id as its source tells it.
        name: The id that it has in pictures by itself.
        key: Its name and its source: what tracks are sorted by.
        is_holder: Whether it held the plain id when two sources told of different places under it.
        is_best: Whether it stood for its aircraft in the last picture.
        other_height_m: An altitude out of reach that is not believed.
        other_height_ms: When it was told.
        other_height_since_ms: When it was told first.
        other_height_count: How many reports in a row agree with it.
        doubted_until_ms: Until then it is suspect because such a one had to be believed.
        count: How many points of history there are.
        head: Where the next is written.
        past_ms: When each point was.
    """

    serial: Ints
    source: Ints
    identity: Ints
    rank: Ints
    kind: Codes
    position_ms: Ints
    believed_ms: Ints
    reported_ms: Ints
    altitude_ms: Ints
    since_ms: Ints
    latitude_deg: Floats
    longitude_deg: Floats
    said_latitude_deg: Floats
    said_longitude_deg: Floats
    altitude_m: Floats
    pressure_altitude_ft: Floats
    accuracy_m: Floats
    vertical_accuracy_m: Floats
    told_mps: Floats
    told_deg: Floats
    ground_speed_mps: Floats
    track_deg: Floats
    vertical_rate_mps: Floats
    selected_altitude_ft: Floats
    fastest_mps: Floats
    other_ms: Ints
    other_latitude_deg: Floats
    other_longitude_deg: Floats
    other_count: Ints
    suspect_until_ms: Ints
    jump_ms: Ints
    jump_m: Floats
    other_height_m: Floats
    other_height_ms: Ints
    other_height_since_ms: Ints
    other_height_count: Ints
    doubted_until_ms: Ints
    is_frozen: Flags
    on_ground: Flags
    id: Objects
    name: Objects
    key: Objects
    callsign: Objects
    squawk: Objects
    party: Objects
    operation: Objects
    is_holder: Flags
    is_best: Flags
    count: Ints
    head: Ints
    past_ms: Ints
    past_latitude_deg: Floats
    past_longitude_deg: Floats
    past_altitude_m: Singles
    past_pressure_altitude_ft: Singles
    past_track_deg: Singles


_TYPES: Final[dict[str, tuple[npt.DTypeLike, object]]] = {
    "Ints": (np.int64, 0),
    "Codes": (np.uint8, 0),
    "Floats": (np.float64, np.nan),
    "Singles": (np.float32, np.nan),
    "Flags": (np.bool_, False),
    "Objects": (np.object_, None),
}
_PAST: Final = "past_"


def _blank(name: str, type_name: str, n: int) -> npt.NDArray[Any]:
    """Return a column of n free slots."""
    dtype, value = _TYPES[type_name]
    if name.endswith("_ms"):
        value = NEVER_MS
    elif name == "serial":
        value = -1
    elif name == "vertical_accuracy_m":
        value = np.inf
    return np.full(n, value, dtype=dtype)


_HISTORY: Final = {each.name: str(each.type) for each in fields(Columns) if each.name.startswith(_PAST)}
_OTHERS: Final = {each.name: str(each.type) for each in fields(Columns) if each.name not in _HISTORY}


def _histories(n: int) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of the history of n slots, zeros, as parts of one block with a row for each."""
    dtypes = {name: np.dtype(_TYPES[type_name][0]) for name, type_name in _HISTORY.items()}
    sizes = [HISTORY_POINTS_MAX * dtype.itemsize for dtype in dtypes.values()]
    parts = np.split(np.zeros((n, sum(sizes)), dtype=np.uint8), np.cumsum(sizes)[:-1], axis=1)
    return {name: part.view(dtype) for (name, dtype), part in zip(dtypes.items(), parts, strict=True)}


class TrackSlots:
    """Slots, those in use and those that are free.

    Args:
        slots_max: So many may be in use at once.

    Attributes:
        columns: What they hold. Arrays but those of the history change when there is need of more slots.
    """

    def __init__(self, slots_max: int) -> None:
        self._slots_max = slots_max
        blanks = {name: _blank(name, type_name, 0) for name, type_name in _OTHERS.items()}
        self.columns = Columns(**blanks, **_histories(slots_max))
        self._free: list[int] = []
        self._serial = 0

    def __len__(self) -> int:
        """Return how many are in use."""
        return len(self.columns.serial) - len(self._free)

    def open(self, n: int) -> Ints:
        """Take n blank slots into use, of those that may be, and return which."""
        capacity = len(self.columns.serial)
        if n > len(self._free):
            more = max(n - len(self._free), capacity // _SPARE, _SLOTS_FIRST)
            more = min(more, self._slots_max - capacity)
            for name, type_name in _OTHERS.items():
                blank = _blank(name, type_name, more)
                setattr(self.columns, name, np.concatenate((getattr(self.columns, name), blank)))
            self._free = [*range(capacity + more - 1, capacity - 1, -1), *self._free]
        slots = np.array([self._free.pop() for _ in range(n)], dtype=np.int64)
        self.columns.serial[slots] = np.arange(self._serial, self._serial + n)
        self._serial += n
        return slots

    def close(self, slots: Ints) -> None:
        """Free slots, and make them blank."""
        for name, type_name in _OTHERS.items():
            getattr(self.columns, name)[slots] = _blank(name, type_name, 1)[0]
        self._free += slots.tolist()


def remember(columns: Columns, slots: Ints, is_frozen: Flags) -> None:
    """Add what was just believed to the history, where its newest point is old enough.

    Args:
        columns: The columns.
        slots: Slots, each once.
        is_frozen: Whether their positions are old ones, which say nothing: shape (n,).
    """
    c = columns
    last_ms = c.past_ms[slots, (c.head[slots] - 1) % HISTORY_POINTS_MAX]
    due = (c.count[slots] == 0) | (c.believed_ms[slots] - last_ms >= HISTORY_SPACING_MS)
    slots, is_frozen = slots[due], is_frozen[due]
    at = slots, c.head[slots]
    c.past_ms[at] = c.believed_ms[slots]
    c.past_latitude_deg[at] = np.where(is_frozen, np.nan, c.latitude_deg[slots])
    c.past_longitude_deg[at] = c.longitude_deg[slots]
    told = c.altitude_ms[slots] == c.believed_ms[slots]
    c.past_altitude_m[at] = np.where(told, c.altitude_m[slots], np.nan)
    c.past_pressure_altitude_ft[at] = np.where(told, c.pressure_altitude_ft[slots], np.nan)
    c.past_track_deg[at] = c.track_deg[slots]
    c.head[slots] = (at[1] + 1) % HISTORY_POINTS_MAX
    c.count[slots] = np.minimum(c.count[slots] + 1, HISTORY_POINTS_MAX)


def past(columns: Columns, slot: int) -> Ints:
    """Return where in the ring the points of one slot are, the oldest first."""
    count, head = int(columns.count[slot]), int(columns.head[slot])
    return (np.arange(head - count, head) % HISTORY_POINTS_MAX).astype(np.int64)


class Motion(NamedTuple):
    """Speeds and tracks; NaN where not known; shapes (n,)."""

    ground_speed_mps: Floats
    track_deg: Floats


def derived_motion(columns: Columns, slots: Ints) -> Motion:
    """Derive from positions how tracks move, where there are two that are far enough apart in time.

    Args:
        columns: The columns.
        slots: Slots, each once.
    """
    c = columns
    chosen = np.full(len(slots), -1, dtype=np.int64)
    for look in range(_DERIVED_LOOKS, 0, -1):  # ends with the newest that is good
        ring = (c.head[slots] - look) % HISTORY_POINTS_MAX
        then_ms = c.past_ms[slots, ring]
        age_s = (c.position_ms[slots] - then_ms) / 1000.0
        least_s = np.where((chosen < 0) & (look == 1), DERIVED_AGE_MIN_S, _DERIVED_AGE_GOOD_S)
        good = (c.count[slots] >= look) & (age_s >= least_s) & (age_s <= _DERIVED_AGE_MAX_S)
        good &= (then_ms >= c.since_ms[slots]) & ~np.isnan(c.past_latitude_deg[slots, ring])
        chosen = np.where(good, ring, chosen)
    speed_mps, track_deg = np.full(len(slots), np.nan), np.full(len(slots), np.nan)
    found = chosen >= 0
    slots, ring = slots[found], chosen[found]
    latitude_deg, longitude_deg = c.latitude_deg[slots], c.longitude_deg[slots]
    x, y, z = (
        surface_points(latitude_deg, longitude_deg)
        - surface_points(c.past_latitude_deg[slots, ring], c.past_longitude_deg[slots, ring])
    ).T
    lat, lng = np.radians(latitude_deg), np.radians(longitude_deg)
    east_m = -np.sin(lng) * x + np.cos(lng) * y
    north_m = np.cos(lat) * z - np.sin(lat) * (np.cos(lng) * x + np.sin(lng) * y)
    elapsed_s = (c.position_ms[slots] - c.past_ms[slots, ring]) / 1000.0
    speed_mps[found] = np.sqrt(x * x + y * y + z * z) / elapsed_s
    track_deg[found] = np.degrees(np.arctan2(east_m, north_m)) % 360.0
    return Motion(speed_mps, np.where(track_deg >= 360.0, 0.0, track_deg))


class Trends(NamedTuple):
    """How altitude and track change; NaN where there is not enough history; shapes (n,)."""

    vertical_slope_mps: Floats
    turn_rate_dps: Floats


def trends(columns: Columns, slots: Ints) -> Trends:
    """Find how altitudes and tracks changed of late, by least squares.

    Args:
        columns: The columns.
        slots: Slots.
    """
    c = columns
    looks = np.arange(1, _TREND_LOOKS + 1)
    ring = (c.head[slots][:, None] - looks) % HISTORY_POINTS_MAX
    rows = slots[:, None]
    then_ms = c.past_ms[rows, ring]
    there = (looks <= c.count[rows]) & (then_ms >= c.since_ms[rows])

    by_pressure = ~np.isnan(c.pressure_altitude_ft[slots])
    now_m = np.where(by_pressure, c.pressure_altitude_ft[slots] * FOOT_M, c.altitude_m[slots])
    past_m = c.past_pressure_altitude_ft[rows, ring].astype(np.float64) * FOOT_M
    past_m[~by_pressure] = c.past_altitude_m[rows[~by_pressure], ring[~by_pressure]]
    slope_mps = _slope(c.altitude_ms[slots], now_m, then_ms, past_m, there, _SLOPE_S)

    now_deg = c.track_deg[slots]
    past_deg = c.past_track_deg[rows, ring]
    steps_deg = np.diff(np.concatenate((now_deg[:, None], past_deg), axis=1), axis=1)
    steps_deg = (steps_deg + 180.0) % 360.0 - 180.0
    # Of nearly half a turn it is not known to which side; nor is what was before.
    steps_deg[np.abs(steps_deg) > _TURN_STEP_MAX_DEG] = np.nan
    turned_deg = np.cumsum(steps_deg, axis=1)
    turn_dps = _slope(
        c.believed_ms[slots], np.where(np.isnan(now_deg), np.nan, 0.0), then_ms, turned_deg, there, _TURN_S
    )
    return Trends(slope_mps, turn_dps)


def _slope(
    now_ms: Ints, now: Floats, then_ms: Ints, then: npt.NDArray[Any], there: Flags, within_s: float
) -> Floats:
    """Return the slope of values over the last seconds, per second; NaN where they are too few.

    Args:
        now_ms: The instant of the newest value, shape (n,).
        now: The newest values.
        then_ms: Those before, shape (n, k).
        then: Their values.
        there: Whether there is such a point.
        within_s: Older ones do not count.
    """
    before_s = np.where(there, now_ms[:, None] - then_ms, 0) / 1000.0
    use = there & (before_s > 0.0) & (before_s <= within_s) & ~np.isnan(then)
    x = np.where(use, -before_s, 0.0)  # the newest is at 0.0
    y = np.where(use, then - now[:, None], 0.0)  # and is 0.0
    count = use.sum(axis=1) + 1
    sum_x, sum_y = x.sum(axis=1), y.sum(axis=1)
    spread = count * (x * x).sum(axis=1) - sum_x * sum_x
    enough = (count >= _TREND_POINTS_MIN) & (-x.min(axis=1, initial=0.0) >= _TREND_SPAN_MIN_S)
    slope = (count * (x * y).sum(axis=1) - sum_x * sum_y) / np.where(enough, spread, 1.0)
    return np.where(enough & ~np.isnan(now), slope, np.nan)
