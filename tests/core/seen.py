"""Pictures of tracks for tests, made of a few words each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from keepclear.core.geodesy import Floats, LatLng
from keepclear.core.kinds import TrackKind
from keepclear.core.track_picture import TrackPicture, TrackStatus
from tests.strategies import NOON

NOON_MS = round(NOON.timestamp() * 1000)
HERE = LatLng(47.0, 8.0)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A track as it is seen; fields as in `TrackPicture`, `age_s` counts back from the picture's instant."""

    id: str = "icao:4b1814"
    at: LatLng = HERE
    age_s: float = 0.5
    altitude_m: float = 1_000.0
    pressure_altitude_ft: float = math.nan
    speed_mps: float = 0.0
    track_deg: float = 0.0
    rate_mps: float = 0.0
    error_m: float = 10.0
    vertical_error_m: float = 10.0
    status: TrackStatus = TrackStatus.CURRENT
    suspicion: str | None = None
    on_ground: bool = False
    kind: TrackKind = TrackKind.UNKNOWN
    callsign: str | None = None
    party: str | None = None
    operation: str | None = None


def picture(now_s: float, *tracks: Seen) -> TrackPicture:
    """Return the picture of tracks so many seconds after noon; the order in which they are given is lost."""
    rows = sorted(tracks, key=lambda each: each.id)
    now_ms = NOON_MS + round(1_000.0 * now_s)

    def column(name: str) -> Floats:
        return np.array([getattr(each, name) for each in rows], dtype=np.float64)

    n = len(rows)
    nan = np.full(n, np.nan)
    no = np.zeros(n, dtype=np.bool_)
    ms = np.array([now_ms - round(1_000.0 * each.age_s) for each in rows], dtype=np.int64)
    return TrackPicture(
        at_ms=now_ms,
        ids=tuple(each.id for each in rows),
        sources=(("test",),) * n,
        twins=((),) * n,
        latitude_deg=np.array([each.at.lat_deg for each in rows], dtype=np.float64),
        longitude_deg=np.array([each.at.lng_deg for each in rows], dtype=np.float64),
        position_ms=ms,
        reported_ms=ms,
        altitude_m=column("altitude_m"),
        pressure_altitude_ft=column("pressure_altitude_ft"),
        altitude_ms=ms,
        ground_speed_mps=column("speed_mps"),
        track_deg=column("track_deg"),
        vertical_rate_mps=column("rate_mps"),
        vertical_slope_mps=nan,
        turn_rate_dps=nan,
        horizontal_error_m=column("error_m"),
        vertical_error_m=column("vertical_error_m"),
        selected_altitude_ft=nan,
        status=np.array([each.status.code for each in rows], dtype=np.uint8),
        is_derived=no,
        is_frozen=no,
        is_suspect=np.array([each.suspicion is not None for each in rows], dtype=np.bool_),
        on_ground=np.array([each.on_ground for each in rows], dtype=np.bool_),
        suspicions=tuple(each.suspicion for each in rows),
        kinds=tuple(each.kind for each in rows),
        callsigns=tuple(each.callsign for each in rows),
        squawks=(None,) * n,
        parties=tuple(each.party for each in rows),
        operations=tuple(each.operation for each in rows),
    )
