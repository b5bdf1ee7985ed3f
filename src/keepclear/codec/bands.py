"""Between which heights the volumes of a feature lie, from its properties and its waypoints' heights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from keepclear.codec.geometries import Geometry, Line, Located
from keepclear.codec.properties import ALTITUDE_NAMES, Properties
from keepclear.core.altitudes import Altitude, AltitudeBand, Atmosphere, Datum, LengthUnit, band_of
from keepclear.core.errors import InvalidValueError

ALTITUDE_MARGIN_MAX_M: Final = 20_000.0
"""The most that the height of a waypoint may be widened, metres."""
DATUMS: Final = {datum.value: datum for datum in Datum}
"""The datums by the words for them."""
DATUM_MISSING: Final = f"an altitude in metres or feet needs it; write one of {', '.join(DATUMS)}"
"""What a reader says of an altitude without a datum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """What the properties of one feature state of altitudes; None where not, or at fault.

    Attributes:
        whole: The band of all its volumes; unbounded where nothing is stated.
        by_bounds: The properties state the altitudes: heights in the geometry do not count.
        datum: What is measured from, as stated.
        margin_m: By how much the heights of waypoints are widened, metres.
        atmosphere: See `ReadSettings`.
    """

    whole: AltitudeBand | None
    by_bounds: bool
    datum: Datum | None
    margin_m: float | None
    atmosphere: Atmosphere | None


def read_bands(properties: Properties, atmosphere: Atmosphere | None) -> Bands:
    """Read what the properties of a feature state of altitudes; what is wrong becomes their faults."""
    datum = properties.word("altitude_datum", DATUMS)
    return Bands(
        whole=_whole(properties, datum, atmosphere),
        by_bounds=states_altitudes(properties),
        datum=datum,
        margin_m=_margin_m(properties),
        atmosphere=atmosphere,
    )


def states_altitudes(properties: Properties) -> bool:
    """Tell whether properties state an altitude bound; heights in the geometry do not count then."""
    return any(properties.has(name) for names in ALTITUDE_NAMES.values() for name in names)


def ignores_heights(geometries: Sequence[Located], properties: Properties) -> bool:
    """Tell whether a geometry has heights that do not count."""
    by_bounds = states_altitudes(properties)
    return any(
        geometry.heights is not None and (by_bounds or not isinstance(geometry, Line))
        for _, geometry in geometries
    )


def altitude_of(name: str, value: float, datum: Datum | None) -> Altitude:
    """Make the altitude that a property or a column states.

    Args:
        name: The property: `flight_level...`, or one with its unit, `..._m` or `..._ft`.
        value: Its value.
        datum: What it is measured from; a flight level brings its own. None only while the datum
            itself is at fault: the altitude is checked, and must not be used.

    Raises:
        InvalidValueError: It is out of range.
    """
    if name.startswith("flight_level"):
        return Altitude.flight_level(value)
    unit = LengthUnit.FT if name.endswith("_ft") else LengthUnit.M
    return Altitude(value=value, unit=unit, datum=Datum.W84 if datum is None else datum)


def _whole(properties: Properties, datum: Datum | None, atmosphere: Atmosphere | None) -> AltitudeBand | None:
    known = len(properties.faults)
    used: dict[str, str] = {}
    bounds: list[Altitude | None] = []
    for side, names in ALTITUDE_NAMES.items():
        given = [name for name in names if properties.has(name)]
        for other in given[1:]:
            properties.refuse(other, f"{given[0]} is given too; give one of them")
        if given:
            used[f"altitude_{side}"] = given[0]
        bounds.append(_bound(given[0], properties, datum) if given else None)
    if datum is None and any(not name.startswith("flight_level") for name in used.values()):
        if not properties.has("altitude_datum"):
            properties.refuse("altitude_datum", DATUM_MISSING)
        return None
    if len(properties.faults) > known:
        return None
    try:
        return band_of(bounds[0], bounds[1], atmosphere)
    except InvalidValueError as error:
        side = error.field.split(".")[0]
        properties.refuse(used.get(side, side), error.reason)
        return None


def _bound(name: str, properties: Properties, datum: Datum | None) -> Altitude | None:
    value = properties.number(name)
    if value is None:
        return None
    try:
        return altitude_of(name, value, datum)
    except InvalidValueError as error:
        properties.refuse(name, error.reason)
        return None


def _margin_m(properties: Properties) -> float | None:
    margin_m = properties.number("altitude_margin_m")
    if margin_m is not None and not 0.0 <= margin_m <= ALTITUDE_MARGIN_MAX_M:
        reason = f"{margin_m!r} m is not within 0..{ALTITUDE_MARGIN_MAX_M:,.0f} m"
        properties.refuse("altitude_margin_m", reason)
        return None
    return margin_m


def check_heights(path: str, geometry: Geometry, properties: Properties, bands: Bands) -> bool:
    """Refuse heights above ground that no property replaces, and tell whether the rest may be used."""
    if geometry.heights is not Datum.AGL or bands.by_bounds:
        return True
    try:
        Altitude(value=0.0, datum=Datum.AGL).w84_bounds_m()
    except InvalidValueError as error:
        properties.refuse(path, error.reason)
    return False


def leg_bands(path: str, line: Line, properties: Properties, bands: Bands) -> list[AltitudeBand] | None:
    """Return the band of each leg of a line.

    The band that the properties state; else, from the heights of the two waypoints, each widened by
    the margin, the least band that contains both.

    Args:
        path: Where its positions are in the feature.
        line: The line, with at least two waypoints.
        properties: Where faults go.
        bands: What the feature states.

    Returns:
        The bands, or None if something is at fault.
    """
    if bands.by_bounds or line.heights is None:
        if properties.has("altitude_margin_m"):
            why = "the altitudes are given by bounds" if bands.by_bounds else "they have none"
            properties.refuse("altitude_margin_m", f"it widens the heights of waypoints, and {why}")
        return None if bands.whole is None else [bands.whole] * (len(line.vertices) - 1)
    if not line.places and not check_heights(path, line, properties, bands):
        return None
    if not properties.has("altitude_margin_m"):
        reason = "the waypoints have heights: give by how much these may be off, in metres (0 if not at all)"
        properties.refuse("altitude_margin_m", reason)
    if bands.datum is not None and bands.datum is not line.heights:
        here = f"the heights of the waypoints are measured from {line.heights.value}"
        reason = f"{here}, not {bands.datum.value}; leave it out, or give altitude bounds"
        properties.refuse("altitude_datum", reason)
    spans = _vertex_spans(path, line, properties, bands)
    if spans is None:
        return None
    return [
        AltitudeBand(lower_m=min(low_m, next_low_m), upper_m=max(high_m, next_high_m))
        for (low_m, high_m), (next_low_m, next_high_m) in itertools.pairwise(spans)
    ]


def _vertex_spans(
    path: str, line: Line, properties: Properties, bands: Bands
) -> list[tuple[float, float]] | None:
    """Return between which heights above W84 each waypoint is passed, metres; None with a fault."""
    spans = []
    reasons = set()
    for index, altitude in enumerate(line.altitudes):
        if altitude is None:
            reason = "it has no height, and other waypoints have one"
            line.refuse(index, path, "altitude", reason, properties)
            continue
        try:
            spans.append(_span(altitude, bands.margin_m or 0.0, bands.atmosphere))
        except InvalidValueError as error:
            if error.reason not in reasons:  # what is wrong with all waypoints is said once
                reasons.add(error.reason)
                line.refuse(index, path, "altitude", error.reason, properties)
    return spans if bands.margin_m is not None and len(spans) == len(line.vertices) else None


def _span(altitude: Altitude, margin_m: float, atmosphere: Atmosphere | None) -> tuple[float, float]:
    lower = Altitude(value=altitude.value_m - margin_m, datum=altitude.datum)
    upper = Altitude(value=altitude.value_m + margin_m, datum=altitude.datum)
    return lower.w84_bounds_m(atmosphere)[0], upper.w84_bounds_m(atmosphere)[1]
