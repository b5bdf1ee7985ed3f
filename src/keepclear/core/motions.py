"""Tracks as arrays, and where each is and how it moves in the middle of a look-ahead.

A track goes on along a geodesic of WGS84 at a constant speed over the ground, and its altitude changes
at a constant rate. Its point on the ellipsoid is then on an arc of the normal section in the direction
of motion, in earth-centred x, y, z: within 75 km that is less than 3 cm from the geodesic, at every
latitude, and no pole and no antimeridian needs a special case. A motion is that arc as a power series in
time about one instant; the distance of two points on the ellipsoid is then the length of a difference.

`motion_at` is written so that it works on arrays (numpy) and on single numbers (compiled) alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import ECCENTRICITY_SQ, SEMI_MAJOR_M, Floats
from keepclear.core.tracks import AGE_MAX_S, SPEED_MAX_MPS

EN_ROUTE_ACCELERATION_MPS2: Final = 1.5
"""How fast an aircraft en route leaves its straight line, as measured on real tracks (95 %)."""
TERMINAL_ACCELERATION_MPS2: Final = 3.0
"""The same near an aerodrome, and for whatever turns tightly."""
VERTICAL_ACCELERATION_MPS2: Final = 0.6
"""How fast an altitude leaves its straight line; from ten seconds on it covers what was measured."""

Rows = npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice
"""Numbers of rows, a mask, or a slice."""
Scalars = Any
"""A float64 array, or one number where the code is compiled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackArrays:
    """Tracks, one to a row; n of them.

    Attributes:
        latitude_deg: Geodetic latitudes, degrees, shape (n,).
        longitude_deg: Longitudes, degrees, -180..360, shape (n,).
        altitude_m: Altitudes, metres, of one datum for all, shape (n,). NaN where not known; then
            `vertical_error_m` is infinite.
        ground_speed_mps: Speeds over the ground, metres per second, shape (n,).
        track_deg: Directions of motion from true north, degrees, 0..360, shape (n,).
        vertical_rate_mps: Metres per second, up when positive, shape (n,).
        age_s: How long before the picture's instant each was there, seconds, shape (n,); None for 0.0.
        horizontal_error_m: How far each may be from where it is said to be at the picture's instant,
            metres, shape (n,); None for 0.0.
        vertical_error_m: The same of the altitude; may be infinite; None for 0.0.

    Raises:
        InvalidValueError: An array has another shape, or a number is not finite or out of range.
    """

    latitude_deg: Floats
    longitude_deg: Floats
    altitude_m: Floats
    ground_speed_mps: Floats
    track_deg: Floats
    vertical_rate_mps: Floats
    age_s: Floats | None = None
    horizontal_error_m: Floats | None = None
    vertical_error_m: Floats | None = None

    def __post_init__(self) -> None:
        for name, column in self._columns():
            values = np.ascontiguousarray(column, dtype=np.float64)
            if values.shape != (len(self.latitude_deg),):
                raise InvalidValueError(name, f"it has the shape {values.shape}, not {(len(self),)}")
            object.__setattr__(self, name, values)
        unknown = np.isnan(self.altitude_m)
        if unknown.any() and (
            self.vertical_error_m is None or not np.isinf(self.vertical_error_m[unknown]).all()
        ):
            row = int(np.flatnonzero(unknown)[0])
            raise InvalidValueError(
                f"altitude_m[{row}]",
                "it is not a number; where it is not known, vertical_error_m is infinite",
            )
        for name, least, greatest in _RANGES:
            values = getattr(self, name)
            if values is None:
                continue
            bad = ~((values >= least) & (values <= greatest))  # catches NaN too
            if name == "altitude_m":
                bad &= ~unknown
            if bad.any():
                row = int(np.flatnonzero(bad)[0])
                raise InvalidValueError(
                    f"{name}[{row}]", f"{values[row]!r} is not within {least:g}..{greatest:g}"
                )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.latitude_deg)

    def _columns(self) -> Iterator[tuple[str, Floats]]:
        for field in fields(self):
            values = getattr(self, field.name)
            if values is not None:
                yield field.name, values

    def take(self, rows: Rows) -> TrackArrays:
        """Return some of the tracks.

        Args:
            rows: Numbers of rows, or a mask.
        """
        return TrackArrays(**{name: column[rows] for name, column in self._columns()})

    def joined(self, others: TrackArrays) -> TrackArrays:
        """Return these tracks and others after them.

        Args:
            others: The others; what neither tells stays untold.
        """
        columns: dict[str, Floats] = {}
        for field in fields(self):
            one, other = getattr(self, field.name), getattr(others, field.name)
            if one is not None or other is not None:
                parts = [
                    np.zeros(len(each)) if part is None else part
                    for each, part in ((self, one), (others, other))
                ]
                columns[field.name] = np.concatenate(parts)
        return TrackArrays(**columns)


_RANGES: Final = (
    ("latitude_deg", -90.0, 90.0),
    ("longitude_deg", -180.0, 360.0),
    ("altitude_m", -HEIGHT_MAX_M, HEIGHT_MAX_M),
    ("ground_speed_mps", 0.0, SPEED_MAX_MPS),
    ("track_deg", 0.0, 360.0),
    ("vertical_rate_mps", -SPEED_MAX_MPS, SPEED_MAX_MPS),
    ("age_s", 0.0, AGE_MAX_S),
    ("horizontal_error_m", 0.0, HEIGHT_MAX_M),
    ("vertical_error_m", 0.0, math.inf),
)


def grown_error_m(accuracy_m: Floats, age_s: Floats, acceleration_mps2: Floats | float) -> Floats:
    """Return how far tracks may be from their straight line some time after they were measured.

    Args:
        accuracy_m: How exact the positions were, metres (95 %), shape (n,).
        age_s: How long ago they were measured, seconds, shape (n,).
        acceleration_mps2: How fast such an aircraft leaves a straight line.

    Returns:
        Metres, shape (n,).
    """
    return accuracy_m + 0.5 * acceleration_mps2 * age_s**2


MOTION_COLUMNS: Final = 12
"""Position, velocity, bend (x, y, z each), squared rate of turn, altitude, vertical rate."""


class Motions(NamedTuple):
    """How n tracks move about one instant, the same for all, in earth-centred x, y, z.

    Attributes:
        rows: All of it, a row for each track: what belongs together lies together. Shape (n, 12).
    """

    rows: Floats

    @property
    def position_m(self) -> Floats:
        """Points on the ellipsoid, metres, shape (n, 3)."""
        return self.rows[:, 0:3]

    @property
    def velocity_mps(self) -> Floats:
        """Velocities over the ground, shape (n, 3)."""
        return self.rows[:, 3:6]

    @property
    def bend_mps2(self) -> Floats:
        """Accelerations that keep them on the ellipsoid, shape (n, 3)."""
        return self.rows[:, 6:9]

    @property
    def turn_sq(self) -> Floats:
        """The squares of the rates at which the arcs turn, 1/s^2, shape (n,)."""
        return self.rows[:, 9]

    @property
    def altitude_m(self) -> Floats:
        """Altitudes, 0.0 where not known, shape (n,)."""
        return self.rows[:, 10]

    @property
    def rate_mps(self) -> Floats:
        """Vertical rates, shape (n,)."""
        return self.rows[:, 11]


def motion_at(
    lat_rad: Scalars, lng_rad: Scalars, track_rad: Scalars, speed_mps: Scalars, after_s: Scalars
) -> tuple[Scalars, ...]:
    """Find where something is after a while, and how it moves there.

    Args:
        lat_rad: Geodetic latitude, radians.
        lng_rad: Longitude, radians.
        track_rad: Direction of motion from true north, radians.
        speed_mps: Speed over the ground, metres per second.
        after_s: How much later, seconds. Speed times this is at most 3,000 km.

    Returns:
        Position x, y, z in metres, velocity x, y, z, bend x, y, z, and the squared rate of turn, as
        `Motions` has them.

    Source:
        Radius of curvature of the normal section: Euler's formula; W. Torge, Geodesy, 3rd ed., 4.1.3.
    """
    sin_lat, cos_lat = np.sin(lat_rad), np.cos(lat_rad)
    sin_lng, cos_lng = np.sin(lng_rad), np.cos(lng_rad)
    sin_trk, cos_trk = np.sin(track_rad), np.cos(track_rad)
    w = 1.0 - ECCENTRICITY_SQ * sin_lat * sin_lat
    across_m = SEMI_MAJOR_M / np.sqrt(w)
    # 1/R = cos^2/M + sin^2/N, and N/M = w/(1 - e^2)
    curvature = (sin_trk * sin_trk + cos_trk * cos_trk * w / (1.0 - ECCENTRICITY_SQ)) / across_m
    rate = speed_mps * curvature
    angle = rate * after_s
    sq = angle * angle
    # Series for sine and 1 - cosine, exact to a nanometre on the earth up to half a radian.
    sine = angle * (1.0 - sq / 6.0 * (1.0 - sq / 20.0 * (1.0 - sq / 42.0 * (1.0 - sq / 72.0))))
    fall = sq / 2.0 * (1.0 - sq / 12.0 * (1.0 - sq / 30.0 * (1.0 - sq / 56.0 * (1.0 - sq / 90.0))))
    up_x, up_y, up_z = cos_lat * cos_lng, cos_lat * sin_lng, sin_lat
    along_x = -sin_trk * sin_lng - cos_trk * sin_lat * cos_lng
    along_y = sin_trk * cos_lng - cos_trk * sin_lat * sin_lng
    along_z = cos_trk * cos_lat
    radius_m = 1.0 / curvature
    ahead_m, down_m = radius_m * sine, radius_m * fall
    level_mps, sinking_mps = speed_mps * (1.0 - fall), speed_mps * sine
    inward, back = speed_mps * rate * (1.0 - fall), speed_mps * rate * sine
    return (
        across_m * up_x + ahead_m * along_x - down_m * up_x,
        across_m * up_y + ahead_m * along_y - down_m * up_y,
        across_m * (1.0 - ECCENTRICITY_SQ) * up_z + ahead_m * along_z - down_m * up_z,
        level_mps * along_x - sinking_mps * up_x,
        level_mps * along_y - sinking_mps * up_y,
        level_mps * along_z - sinking_mps * up_z,
        -inward * up_x - back * along_x,
        -inward * up_y - back * along_y,
        -inward * up_z - back * along_z,
        rate * rate,
    )


def motions_of(tracks: TrackArrays, after_s: float) -> Motions:
    """Return how tracks move some time after the picture's instant.

    Args:
        tracks: The tracks; each is first brought to the picture's instant.
        after_s: How much later, seconds.
    """
    later_s = after_s if tracks.age_s is None else after_s + tracks.age_s
    parts = motion_at(
        np.radians(tracks.latitude_deg),
        np.radians(tracks.longitude_deg),
        np.radians(tracks.track_deg),
        tracks.ground_speed_mps,
        later_s,
    )
    rows = np.empty((len(tracks), MOTION_COLUMNS))
    for column, part in enumerate(parts):
        rows[:, column] = part
    rows[:, 10] = np.nan_to_num(tracks.altitude_m, nan=0.0) + later_s * tracks.vertical_rate_mps
    rows[:, 11] = tracks.vertical_rate_mps
    return Motions(rows)
