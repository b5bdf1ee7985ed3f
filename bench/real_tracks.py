"""Real tracks: flights over Switzerland on 1 August 2018, 05:00 to 22:00 UTC, from the package `traffic`.

842 aircraft above FL300 by ADS-B, a row every ten seconds (OpenSky). Air traffic control kept all of them
apart, so every alert is false; and when every second flight is delayed, nobody keeps the flights apart that
meet then, and their losses are true. The package is not imported: one file of it is read, from the
environment where the package is there, else from its wheel, which is installed alone (28 MB).

Source:
    https://pypi.org/project/traffic, 2.13, MIT; `traffic/data/samples/collections/switzerland.json.gz`.
"""

from __future__ import annotations

import gzip
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bench.served import ROOT
from bench.wheels import UnavailableError, install
from keepclear.core.geodesy import Floats
from keepclear.core.packed import Ints

VERSION: Final = "2.13"
FOLDER: Final = ROOT / "build" / "bench" / f"traffic-{VERSION}"
STEP_S: Final = 5.0
"""There is a picture so often."""
ROW_S: Final = 10.0
"""There is a row of the file so often."""
GAP_S: Final = 60.0
"""Where an aircraft is not heard for longer, another flight begins."""

_REQUIREMENTS: Final = ROOT / "requirements" / "bench-traffic.txt"
_WITHIN: Final = Path("data", "samples", "collections", "switzerland.json.gz")


class _Row(msgspec.Struct):
    """A row of the file; feet, knots, feet per minute."""

    timestamp: int
    icao24: str
    latitude: float
    longitude: float
    altitude: float
    groundspeed: float
    track: float
    vertical_rate: float


class Flights(NamedTuple):
    """Rows of all flights, one flight after the other in the order of their beginnings; n rows, f flights.

    Attributes:
        at_s: When, seconds from the first of all, shape (n,).
        latitude_deg: Where, shape (n,).
        longitude_deg: Where, shape (n,).
        altitude_ft: Pressure altitude, shape (n,).
        ground_speed_kt: Shape (n,).
        track_deg: Shape (n,).
        rate_fpm: Vertical rate, feet per minute, shape (n,).
        flight: The number of the flight, shape (n,).
        first: The first row of each flight, and behind the last of them n, shape (f + 1,).
    """

    at_s: Floats
    latitude_deg: Floats
    longitude_deg: Floats
    altitude_ft: Floats
    ground_speed_kt: Floats
    track_deg: Floats
    rate_fpm: Floats
    flight: Ints
    first: Ints

    @property
    def begin_s(self) -> Floats:
        """When each flight is seen first, shape (f,)."""
        return self.at_s[self.first[:-1]]

    @property
    def hours(self) -> float:
        """How many hours are flown in all."""
        return float((self.at_s[self.first[1:] - 1] - self.begin_s).sum() / 3_600.0)

    def delayed(self, by_s: float, odd: int) -> Flights:
        """Return the flights with every second one delayed.

        Args:
            by_s: By how much.
            odd: 1 to delay the second, the fourth and so on; 0 for the first, the third and so on.
        """
        return self._replace(at_s=self.at_s + np.where(self.flight % 2 == odd, by_s, 0.0))


class Moment(NamedTuple):
    """What is flying at one instant; m flights.

    Attributes:
        number: The number of the picture.
        at_s: When it is.
        flight: The number of each flight, shape (m,).
        row: The last row of each until then, shape (m,).
        age_s: How old that is, shape (m,).
        latitude_deg: Where each is, between its rows, shape (m,).
        longitude_deg: Shape (m,).
        altitude_ft: Shape (m,).
    """

    number: int
    at_s: float
    flight: Ints
    row: Ints
    age_s: Floats
    latitude_deg: Floats
    longitude_deg: Floats
    altitude_ft: Floats


def find() -> Path:
    """Return where the file is; install its wheel before, if it is nowhere.

    Raises:
        UnavailableError: It is not there and cannot be fetched.
    """
    spec = importlib.util.find_spec("traffic")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    for place in (*map(Path, places), FOLDER / "traffic"):
        if (place / _WITHIN).exists():
            return place / _WITHIN
    install(FOLDER, _REQUIREMENTS)
    path = FOLDER / "traffic" / _WITHIN
    if not path.exists():
        raise UnavailableError(f"the wheel of traffic {VERSION} holds no {_WITHIN.name}")
    return path


def read(path: Path) -> Flights:
    """Read the file.

    Args:
        path: The file, JSON in gzip: a list of rows.

    Raises:
        UnavailableError: It is not such a file.
    """
    try:
        rows = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=list[_Row])
    except (OSError, msgspec.MsgspecError) as error:
        raise UnavailableError(f"{path} cannot be read: {error}") from error
    rows.sort(key=lambda row: (row.icao24, row.timestamp))
    at_s = np.array([row.timestamp for row in rows]) / 1_000.0
    aircraft = np.unique([row.icao24 for row in rows], return_inverse=True)[1]
    begins = np.flatnonzero(np.r_[True, (np.diff(aircraft) != 0) | (np.diff(at_s) > GAP_S)])
    sizes = np.diff(np.r_[begins, len(rows)])
    order = np.argsort(at_s[begins], kind="stable")
    taken = np.concatenate([np.arange(begins[k], begins[k] + sizes[k]) for k in order.tolist()])
    columns = np.array(
        [
            (row.latitude, row.longitude, row.altitude, row.groundspeed, row.track, row.vertical_rate)
            for row in rows
        ]
    )[taken]
    latitude, longitude, altitude, speed, track, rate = (np.ascontiguousarray(each) for each in columns.T)
    return Flights(
        at_s=at_s[taken] - at_s.min(),
        latitude_deg=latitude,
        longitude_deg=longitude,
        altitude_ft=altitude,
        ground_speed_kt=speed,
        track_deg=track,
        rate_fpm=rate,
        flight=np.repeat(np.arange(len(order)), sizes[order]),
        first=np.r_[0, np.cumsum(sizes[order])],
    )


def moments(flights: Flights) -> Iterator[Moment]:
    """Yield the pictures, one every `STEP_S`, with whoever is between its first and its last row."""
    at_s = flights.at_s
    numbers = np.arange(int(np.ceil(at_s.max() / STEP_S)) + 1)
    places, rows = [], []
    for first, end in zip(flights.first, flights.first[1:], strict=False):
        own_s = at_s[first:end]
        own = numbers[int(np.ceil(own_s[0] / STEP_S)) : int(own_s[-1] // STEP_S) + 1]
        places.append(own)
        rows.append(first + np.searchsorted(own_s, own * STEP_S, side="right") - 1)
    place, row = np.concatenate(places), np.concatenate(rows)
    order = np.argsort(place, kind="stable")
    place, row = place[order], row[order]
    bounds = np.searchsorted(place, np.arange(len(numbers) + 1))
    for number in numbers.tolist():
        yield _moment(flights, number, row[bounds[number] : bounds[number + 1]])


def _moment(flights: Flights, number: int, row: Ints) -> Moment:
    after = np.minimum(row + 1, len(flights.at_s) - 1)
    after = np.where(flights.flight[after] == flights.flight[row], after, row)
    age_s = number * STEP_S - flights.at_s[row]
    share = age_s / ROW_S

    def between(column: Floats) -> Floats:
        return np.asarray(column[row] + share * (column[after] - column[row]))

    return Moment(
        number=number,
        at_s=number * STEP_S,
        flight=flights.flight[row],
        row=row,
        age_s=age_s,
        latitude_deg=between(flights.latitude_deg),
        longitude_deg=between(flights.longitude_deg),
        altitude_ft=between(flights.altitude_ft),
    )


def altitude_before_ft(flights: Flights, moment: Moment, before_s: float) -> tuple[Floats, Floats]:
    """Return how high each flight was a while before a picture, or when it was seen first if that is later.

    Returns:
        The altitudes, and how long before that was, seconds, shape (m,) each.
    """
    first = flights.first[flights.flight[moment.row]]
    back_s = np.minimum(before_s, moment.at_s - flights.at_s[first])
    rows = (back_s - moment.age_s) / ROW_S
    early = moment.row - np.ceil(np.maximum(rows, 0.0)).astype(np.int64)
    share = np.where(rows > 0.0, np.ceil(rows) - rows, -rows)
    late = np.minimum(early + 1, flights.first[flights.flight[moment.row] + 1] - 1)
    altitude = flights.altitude_ft
    return np.asarray(altitude[early] + share * (altitude[late] - altitude[early])), back_s
