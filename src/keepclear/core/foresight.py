"""Foresight: how the tracks of a picture are expected to go on, and of which nothing can be said.

A `TrackPicture` says what was measured; rules judge an `AirPicture`, in which each track goes straight on.
Here is decided what goes into it: which vertical rate is believed, where a climb or descent ends, what each
track may be off. What cannot be predicted is listed with the reason, never left out silently.

What was tried, and what it is worth on real traffic, is in docs/explanation/alerts.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np
import numpy.typing as npt

from keepclear.core.air_picture import AirPicture, Words
from keepclear.core.altitudes import HEIGHT_MAX_M
from keepclear.core.geodesy import Floats
from keepclear.core.kinds import TrackKind
from keepclear.core.motions import TrackArrays
from keepclear.core.packed import Ints
from keepclear.core.reports import Flags
from keepclear.core.track_picture import TrackPicture, TrackStatus
from keepclear.core.tracks import AGE_MAX_S, SPEED_MAX_MPS
from keepclear.core.units import FOOT_M, FOOT_PER_MINUTE_MPS, KNOT_MPS

LEVEL_RATE_MPS: Final = 300.0 * FOOT_PER_MINUTE_MPS
"""An aeroplane that climbs or descends more slowly is taken as level: in cruise the rates that are told
waver so far, and two minutes of it are 600 ft. Of the false alerts on real traffic this removes more than
half."""
SLOW_LEVEL_RATE_MPS: Final = 100.0 * FOOT_PER_MINUTE_MPS
"""The same of what is slow, or a drone: it climbs slowly in earnest, and its minima are small."""
SLOW_MPS: Final = 120.0 * KNOT_MPS
"""What is slower over the ground, is slow."""
BEGUN_SHARE: Final = 0.5
"""A climb or descent has just begun where its altitudes show less than this share of the rate it tells,"""
BEGUN_GROWTH: Final = 1.5
"""and may become so many times as fast: the first rate that is told is not the last."""
GROUND_SPEED_MAX_MPS: Final = 100.0
"""Nothing that is faster is believed to be on the ground, whatever it says."""


class NotPredicted(Enum):
    """Why nothing can be excluded of a track that is in the air."""

    LOST = "lost"
    """Nothing is heard of it any more; it is not judged."""
    NO_MOTION = "no_motion"
    """Its speed or its direction is not known; it is not judged."""
    SUSPECT = "suspect"
    """It may be elsewhere than it says. It is judged as it says, too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foreseen:
    """What is expected of a picture.

    Attributes:
        at_ms: The instant of the picture, milliseconds since 1970.
        air: The tracks that are judged, n of them, straight on.
        row_of: The row of each id in `air`.
        rows: The row of each in the `TrackPicture`, shape (n,).
        level_off_m: Where the climb or descent of each ends, metres, as the altitudes in `air`; NaN where
            nobody said, shape (n,).
        growing_mps: The vertical rate that each may come to that has just begun to climb or to descend, NaN
            for all others, shape (n,).
        is_vague: Whether its position is old or its altitude unknown: nothing about it is over merely
            because it is not found any more, shape (n,).
        on_ground: The ids of those that are on the ground, and not judged.
        not_predicted: The rows of the `TrackPicture` of which nothing can be excluded, and why.
    """

    at_ms: int
    air: AirPicture
    row_of: Mapping[str, int]
    rows: Ints
    level_off_m: Floats
    growing_mps: Floats
    is_vague: npt.NDArray[np.bool_]
    on_ground: frozenset[str]
    not_predicted: Mapping[int, NotPredicted]

    @property
    def judged(self) -> frozenset[str]:
        """The ids of those whose encounters are known: judged, or on the ground."""
        return self.on_ground | self.row_of.keys()

    def some(self, rows: Ints) -> Foreseen:
        """Return some of the tracks that are judged, by their rows in `air`."""
        air = self.air.take(rows.tolist())
        return replace(
            self,
            air=air,
            row_of={aircraft: row for row, aircraft in enumerate(air.ids)},
            rows=self.rows[rows],
            level_off_m=self.level_off_m[rows],
            growing_mps=self.growing_mps[rows],
            is_vague=self.is_vague[rows],
        )


def foresee(
    picture: TrackPicture,
    *,
    level_off_m: Floats | None = None,
    formations: Mapping[str, str] | None = None,
    contacts: Mapping[str, str] | None = None,
) -> Foreseen:
    """Say how the tracks of a picture are expected to go on.

    Args:
        picture: The picture, n tracks.
        level_off_m: Where each ends its climb or descent by what was declared, metres, as
            `TrackPicture.altitude_of_judgement` tells altitudes; NaN where not known, shape (n,). What the
            aircraft itself tells (`selected_altitude_ft`) goes before it.
        formations: The formation of aircraft, by their id.
        contacts: How aircraft stand with incidents, by their id; see `AirPicture`.
    """
    rate_mps = believed_rates(picture)
    altitude_m, vertical_error_m = picture.altitude_of_judgement(rate_mps)
    in_air = in_air_of(picture)
    is_lost = (picture.status == TrackStatus.LOST.code) | (picture.age_s > AGE_MAX_S)
    # What stands still needs no direction.
    track_deg = np.where(picture.ground_speed_mps == 0.0, 0.0, picture.track_deg)
    has_motion = ~np.isnan(picture.ground_speed_mps) & ~np.isnan(track_deg)
    rows = np.flatnonzero(in_air & ~is_lost & has_motion)
    reasons = {
        **dict.fromkeys(np.flatnonzero(in_air & picture.is_suspect).tolist(), NotPredicted.SUSPECT),
        **dict.fromkeys(np.flatnonzero(in_air & ~has_motion).tolist(), NotPredicted.NO_MOTION),
        **dict.fromkeys(np.flatnonzero(in_air & is_lost).tolist(), NotPredicted.LOST),
    }
    ids = tuple(map(picture.ids.__getitem__, rows.tolist()))
    tracks = TrackArrays(
        latitude_deg=picture.latitude_deg[rows],
        longitude_deg=picture.longitude_deg[rows],
        altitude_m=np.clip(altitude_m, -HEIGHT_MAX_M, HEIGHT_MAX_M)[rows],
        # What is derived of altitudes and positions may be beyond all measure; no cycle ends by that.
        ground_speed_mps=np.minimum(picture.ground_speed_mps[rows], SPEED_MAX_MPS),
        track_deg=track_deg[rows],
        vertical_rate_mps=rate_mps[rows],
        age_s=picture.age_s[rows],
        horizontal_error_m=_error_m(picture.horizontal_error_m[rows]),
        vertical_error_m=vertical_error_m[rows],
    )
    selected_m = np.where(
        np.isnan(picture.pressure_altitude_ft), np.nan, picture.selected_altitude_ft * FOOT_M
    )
    declared_m = np.full(len(picture), np.nan) if level_off_m is None else level_off_m
    levels_m = _ahead(selected_m, altitude_m, rate_mps)
    levels_m = np.where(np.isnan(levels_m), _ahead(declared_m, altitude_m, rate_mps), levels_m)
    return Foreseen(
        at_ms=picture.at_ms,
        air=AirPicture(
            tracks=tracks,
            ids=ids,
            parties=tuple(map(picture.parties.__getitem__, rows.tolist())),
            kinds=tuple(_kind(picture.kinds[row]) for row in rows.tolist()),
            formations=_words(formations, ids),
            contacts=_words(contacts, ids),
        ),
        row_of={aircraft: row for row, aircraft in enumerate(ids)},
        rows=rows,
        level_off_m=levels_m[rows],
        growing_mps=growing_rates(picture, rate_mps)[rows],
        is_vague=((picture.status[rows] == TrackStatus.DEGRADED.code) | np.isinf(vertical_error_m[rows])),
        on_ground=frozenset(picture.ids[row] for row in np.flatnonzero(~in_air).tolist()),
        not_predicted=dict(sorted(reasons.items())),
    )


def in_air_of(picture: TrackPicture) -> Flags:
    """Return which tracks are in the air, whatever they say where they are too fast for the ground, (n,)."""
    return ~(picture.on_ground & ~(picture.ground_speed_mps > GROUND_SPEED_MAX_MPS))


def believed_rates(picture: TrackPicture) -> Floats:
    """Return with which vertical rate each track is expected to go on, metres per second, shape (n,).

    It is the rate that is told, or else the slope of the altitudes that were; 0.0 where neither is known, or
    where it is so slow that the track is as good as level.
    """
    told = picture.vertical_rate_mps
    rate = np.nan_to_num(np.where(np.isnan(told), picture.vertical_slope_mps, told))
    rate = np.clip(rate, -SPEED_MAX_MPS, SPEED_MAX_MPS)
    return np.where(
        np.abs(rate) < np.where(_is_slow(picture), SLOW_LEVEL_RATE_MPS, LEVEL_RATE_MPS), 0.0, rate
    )


def _is_slow(picture: TrackPicture) -> Flags:
    is_drone = np.fromiter((kind is TrackKind.DRONE for kind in picture.kinds), np.bool_, len(picture))
    # Not known to be fast is slow: the smaller band hides less.
    return np.asarray(is_drone | ~(picture.ground_speed_mps >= SLOW_MPS))


def growing_rates(picture: TrackPicture, rate_mps: Floats) -> Floats:
    """Return which rate a climb or descent that has just begun may come to, metres per second.

    Args:
        picture: The picture, n tracks.
        rate_mps: The rates that are believed, shape (n,).

    Returns:
        Shape (n,); NaN for all that is level or slow, has been at it for longer, or of which no altitude was
        known before.
    """
    slope = np.clip(picture.vertical_slope_mps, -SPEED_MAX_MPS, SPEED_MAX_MPS)
    has_begun = ~_is_slow(picture) & (slope * np.sign(rate_mps) < BEGUN_SHARE * np.abs(rate_mps))
    return np.where(has_begun, np.clip(BEGUN_GROWTH * rate_mps, -SPEED_MAX_MPS, SPEED_MAX_MPS), np.nan)


def _ahead(level_m: Floats, altitude_m: Floats, rate_mps: Floats) -> Floats:
    """Return altitudes towards which a track climbs or descends; NaN for all others."""
    level_m = np.where(np.isfinite(level_m), level_m, np.nan)  # a band may be open above or below
    is_ahead = ((level_m - altitude_m) * rate_mps >= 0.0) & (rate_mps != 0.0)
    return np.where(is_ahead, level_m, np.nan)


def _kind(kind: TrackKind) -> str | None:
    return None if kind is TrackKind.UNKNOWN else kind.value


def _words(told: Mapping[str, str] | None, ids: tuple[str, ...]) -> Words:
    return tuple(map(told.get, ids)) if told else ()


def _error_m(error_m: Floats) -> Floats:
    """Return errors within what a judge takes: one that is not known is as large as can be."""
    return np.minimum(np.nan_to_num(error_m, nan=HEIGHT_MAX_M), HEIGHT_MAX_M)
