"""A track table that is slow and plain: one source, one report at a time, lists that are looked through."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.track_intake import Taken

FOOT_M = 0.3048
NAN = math.nan


class Kept(NamedTuple):
    """A point of history."""

    at_ms: int
    place: tuple[float, float] | None
    altitude_m: float
    pressure_ft: float
    track_deg: float


@dataclass
class SlowTrack:
    """What is held of one track."""

    reported_ms: int
    said: Report
    place: tuple[float, float] = (NAN, NAN)
    position_ms: int = -1
    accuracy_m: float = NAN
    kind: TrackKind = TrackKind.UNKNOWN
    altitude: tuple[int, float, float, float] | None = None  # when, metres, feet, error
    speed_told: float = NAN
    track_told: float = NAN
    speed: float = NAN
    track: float = NAN
    vertical_rate_mps: float = NAN
    fastest: float = NAN
    frozen: bool = False
    since_ms: int = -(10**18)
    others: list[Report] = field(default_factory=list)
    heights: list[tuple[int, float]] = field(default_factory=list)
    suspect_until_ms: int = -1
    doubted_until_ms: int = -1
    history: list[Kept] = field(default_factory=list)
    believed_ms: int = -1
    callsign: str | None = None
    on_ground: bool = False


def xyz(place: tuple[float, float]) -> np.ndarray:
    """Return a point on WGS84 in earth-centred metres."""
    a, f = 6378137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    lat, lng = math.radians(place[0]), math.radians(place[1])
    n = a / math.sqrt(1 - e2 * math.sin(lat) ** 2)
    return np.array(
        [
            n * math.cos(lat) * math.cos(lng),
            n * math.cos(lat) * math.sin(lng),
            n * (1 - e2) * math.sin(lat),
        ]
    )


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the straight distance of two places."""
    return float(np.linalg.norm(xyz(one) - xyz(other)))


def place_of(report: Report) -> tuple[float, float]:
    """Return where a report puts it."""
    return report.latitude_deg, report.longitude_deg


def fastest_of(kind: TrackKind, height_m: float) -> float:
    """Return what a kind flies at most."""
    low = height_m < 3_000.0
    return {
        TrackKind.AEROPLANE: 500.0 if low else 1_000.0,
        TrackKind.UNKNOWN: 500.0 if low else 1_000.0,
        TrackKind.HELICOPTER: 150.0,
        TrackKind.DRONE: 300.0,
        TrackKind.VEHICLE: 100.0,
    }[kind]


def reach_m(kind_mps: float, told_mps: float, elapsed_s: float, error_m: float) -> float:
    """Return how far it can be."""
    if not math.isnan(told_mps) and elapsed_s <= 30.0:
        kind_mps = min(kind_mps, 1.5 * told_mps + 50.0)
    return kind_mps * (elapsed_s + 1.0) + error_m


class SlowTable:
    """Tracks of one source."""

    def __init__(self) -> None:
        self.tracks: dict[str, SlowTrack] = {}
        self.counts = dict.fromkeys(Taken._fields, 0)

    def take(self, report: Report, received_ms: int) -> None:
        """Take a report."""
        if report.at_ms > received_ms + 5_000:
            self.counts["from_future"] += 1
            return
        if report.at_ms < received_ms - 600_000:
            self.counts["stale"] += 1
            return
        track = self.tracks.get(report.id)
        if track is None:
            track = self.tracks[report.id] = SlowTrack(report.at_ms, report)
        elif report.at_ms < track.reported_ms:
            self.counts["stale"] += 1
            return
        elif report.at_ms == track.reported_ms and self._says_the_same(track, report):
            self.counts["duplicates"] += 1
            return
        kind = track.kind if report.kind is TrackKind.UNKNOWN else report.kind
        accuracy_m = 185.2 if math.isnan(report.horizontal_error_m) else report.horizontal_error_m
        believed = self._is_believed(track, report, kind, accuracy_m)
        track.reported_ms, track.said = report.at_ms, report
        if not believed:
            self.counts["jumps"] += 1
            return
        self.counts["taken"] += 1
        track.kind = kind
        track.callsign = report.callsign or track.callsign
        self._hold(track, report, accuracy_m)

    @staticmethod
    def _says_the_same(track: SlowTrack, report: Report) -> bool:
        held = track.altitude or (0, NAN, NAN, NAN)
        pairs = (
            (report.altitude_m, held[1]),
            (report.pressure_altitude_ft, held[2]),
            (report.ground_speed_mps, track.speed_told),
            (report.track_deg, track.track_told),
            (report.vertical_rate_mps, track.vertical_rate_mps),
        )
        return (
            place_of(report) == place_of(track.said)
            and all(math.isnan(told) or told == kept for told, kept in pairs)
            and report.on_ground == track.on_ground
        )

    @staticmethod
    def _is_believed(track: SlowTrack, report: Report, kind: TrackKind, accuracy_m: float) -> bool:
        if track.believed_ms < 0:
            return True
        _, w84, feet, _ = track.altitude or (0, NAN, NAN, NAN)
        height_m = w84 if math.isnan(feet) else feet * FOOT_M
        kind_mps = fastest_of(kind, height_m)
        told = track.speed_told, report.ground_speed_mps
        told_mps = NAN if any(math.isnan(each) for each in told) else max(told)
        place = place_of(report)
        within_m = reach_m(
            kind_mps, told_mps, (report.at_ms - track.position_ms) / 1e3, track.accuracy_m + accuracy_m
        )
        if distance_m(place, track.place) <= within_m:
            track.others = []
            return True
        agrees = False
        if track.others:
            last = track.others[-1]
            fastest_mps = float(np.fmax(1_000.0, 1.5 * report.ground_speed_mps + 50.0))
            within_m = reach_m(fastest_mps, NAN, (report.at_ms - last.at_ms) / 1e3, 2 * accuracy_m)
            agrees = distance_m(place, place_of(last)) <= within_m
        if not agrees:
            track.others = [report]
        elif report.at_ms > track.others[-1].at_ms:
            track.others.append(report)
        else:
            track.others[-1] = report
        moved = len(track.others) >= 3
        track.suspect_until_ms = max(track.suspect_until_ms, report.at_ms + (300_000 if moved else 60_000))
        if moved:
            track.others, track.since_ms = [], report.at_ms
        return moved

    def _hold(self, track: SlowTrack, report: Report, accuracy_m: float) -> None:
        told = report.ground_speed_mps
        moves = track.speed > 30.0 if math.isnan(told) else told > 2.0
        track.frozen = place_of(report) == track.place and moves
        self.counts["frozen"] += track.frozen
        if not track.frozen:
            track.place, track.position_ms, track.accuracy_m = place_of(report), report.at_ms, accuracy_m
        track.believed_ms, track.on_ground = report.at_ms, report.on_ground
        track.speed_told, track.track_told = told, report.track_deg
        track.vertical_rate_mps = report.vertical_rate_mps
        track.fastest = float(np.fmax(track.fastest, told))
        altitude = self._altitude(track, report)
        self._motion(track)
        if not track.history or report.at_ms - track.history[-1].at_ms >= 4_700:
            kept = (NAN, NAN) if altitude is None else altitude
            place = None if track.frozen else track.place
            track.history = [*track.history, Kept(report.at_ms, place, *kept, track.track)][-64:]

    def _altitude(self, track: SlowTrack, report: Report) -> tuple[float, float] | None:
        w84, feet = report.altitude_m, report.pressure_altitude_ft
        if math.isnan(w84) and math.isnan(feet):
            return None
        error_m = report.vertical_error_m
        if math.isnan(error_m):
            error_m = 45.0 if math.isnan(feet) else 10.0
        if track.altitude is not None:
            when, held_w84, held_feet, held_error_m = track.altitude
            one, other = feet * FOOT_M, held_feet * FOOT_M
            if math.isnan(one + other):
                one, other = w84, held_w84
            elapsed_s = (report.at_ms - when) / 1e3
            if abs(one - other) > 300.0 * (elapsed_s + 1.0) + error_m + held_error_m:
                if not self._height_is_believed(track, report.at_ms, one, error_m):
                    self.counts["wrong_altitudes"] += 1
                    return None
            else:
                track.heights = []
        track.altitude = report.at_ms, w84, feet, error_m
        return w84, feet

    @staticmethod
    def _height_is_believed(track: SlowTrack, at_ms: int, height_m: float, error_m: float) -> bool:
        if track.heights:
            last_ms, last_m = track.heights[-1]
            if abs(height_m - last_m) > 300.0 * ((at_ms - last_ms) / 1e3 + 1.0) + 2 * error_m:
                track.heights = []
            elif at_ms == last_ms:
                # The same instant is no further report, but the last word on it.
                if len(track.heights) == 1:
                    track.heights = []
                else:
                    track.heights.pop()
        track.heights.append((at_ms, height_m))
        if len(track.heights) >= 3 and at_ms - track.heights[0][0] >= 10_000:
            track.heights = []
            track.doubted_until_ms = at_ms + 300_000
            track.since_ms = at_ms
            return True
        return False

    @staticmethod
    def _motion(track: SlowTrack) -> None:
        before = track.track
        speed, angle = track.speed_told, track.track_told
        if track.frozen:
            speed = track.speed if math.isnan(speed) else speed
            angle = track.track if math.isnan(angle) else angle
        elif math.isnan(speed) or math.isnan(angle):
            derived = SlowTable._derived(track)
            speed = derived[0] if math.isnan(speed) else speed
            angle = derived[1] if math.isnan(angle) else angle
        if math.isnan(angle) and speed <= 2.0:
            angle = 0.0 if math.isnan(before) else before
        track.speed, track.track = speed, angle

    @staticmethod
    def _derived(track: SlowTrack) -> tuple[float, float]:
        recent = list(reversed(track.history))[:4]
        for least_s, points in ((4.0, recent), (2.0, recent[:1])):
            for point in points:
                age_s = (track.position_ms - point.at_ms) / 1e3
                if point.place is None or not least_s <= age_s <= 60.0 or point.at_ms < track.since_ms:
                    continue
                x, y, z = xyz(track.place) - xyz(point.place)
                lat, lng = math.radians(track.place[0]), math.radians(track.place[1])
                east = -math.sin(lng) * x + math.cos(lng) * y
                north = math.cos(lat) * z - math.sin(lat) * (math.cos(lng) * x + math.sin(lng) * y)
                return math.hypot(x, y, z) / age_s, math.degrees(math.atan2(east, north)) % 360.0
        return NAN, NAN

    def slope(self, track: SlowTrack) -> float:
        """Return how fast the altitude changes."""
        if track.altitude is None:
            return NAN
        when, w84, feet, _ = track.altitude
        points = [(when, w84 if math.isnan(feet) else feet * FOOT_M)]
        for kept in track.history:
            value = kept.altitude_m if math.isnan(feet) else kept.pressure_ft * FOOT_M
            if kept.at_ms >= track.since_ms and 0 < when - kept.at_ms <= 30_000 and not math.isnan(value):
                points.append((kept.at_ms, value))
        return fitted(points)

    def turn(self, track: SlowTrack) -> float:
        """Return how fast the track turns."""
        points, at_deg, last = [(track.believed_ms, 0.0)], 0.0, track.track
        for kept in reversed(track.history):
            if not 0 <= track.believed_ms - kept.at_ms <= 20_000 or kept.at_ms < track.since_ms:
                break
            step_deg = (kept.track_deg - last + 180.0) % 360.0 - 180.0
            if not abs(step_deg) <= 150.0:
                break
            at_deg, last = at_deg + step_deg, kept.track_deg
            if kept.at_ms < track.believed_ms:
                points.append((kept.at_ms, at_deg))
        return NAN if math.isnan(track.track) else fitted(points)


def fitted(points: list[tuple[int, float]]) -> float:
    """Return the slope per second of three points or more over ten seconds or more."""
    times = np.array([at_ms - points[0][0] for at_ms, _ in points]) / 1e3
    if len(points) < 3 or times.max() - times.min() < 10.0:
        return NAN
    times = times - times.mean()
    return float((times * np.array([value for _, value in points])).sum() / (times * times).sum())
