"""Numbers, times, places and names in words, the same in every table, page and picture.

Each is written to be read, rounded, with its unit; who computes takes the values themselves.
"""

from __future__ import annotations

import html
import math
from datetime import datetime
from typing import Final, assert_never

from keepclear.codec.reading import Item
from keepclear.core.altitudes import AltitudeBand
from keepclear.core.conflicts import Verdict
from keepclear.core.constraints import Constraint, ConstraintRule
from keepclear.core.geodesy import LatLng
from keepclear.core.times import rfc3339
from keepclear.core.units import m_to_feet

MINUTE: Final = "\u2032"
SECOND: Final = "\u2033"
_MILLIMETRES_BELOW_M: Final = 0.9995  # from there on it would round to 1e+03 mm
TITLES: Final = {
    Verdict.CONFLICT: "conflict",
    Verdict.NOTICE_REQUIRED: "notice required",
    Verdict.NEAR_MISS: "near miss",
}


def visible(text: str) -> str:
    """Return text of others with every character that does not print, or steers text, spelt out."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def escaped(text: str) -> str:
    """Return text of others for XML and HTML: spelt out as of `visible`, and escaped."""
    return html.escape(visible(text), quote=True)


def count_text(number: int, what: str, many: str = "") -> str:
    """Write how many there are: 1 zone, 2 zones."""
    return f"{number:,} {what if number == 1 else many or what + 's'}"


def number_text(value: float, digits: int) -> str:
    """Write a number with so many decimals and commas: 1,200.0."""
    return f"{round(value, digits) + 0.0:,.{digits}f}"  # adding zero makes -0.0 a zero


def length_text(length_m: float) -> str:
    """Write a length with a fitting unit: 0.4 mm, 12.3 m, 4.56 km."""
    if math.isinf(length_m):
        return "unbounded"
    if 0.0 < length_m < _MILLIMETRES_BELOW_M:
        return f"{length_m * 1000.0:.3g} mm"
    return f"{length_m:,.1f} m" if length_m < 1000.0 else f"{length_m / 1000.0:,.2f} km"


def height_text(height_m: float) -> str:
    """Write a height or a vertical distance: 1,200.0 m (3,937 ft)."""
    if math.isinf(height_m):
        return "unbounded"
    if 0.0 < height_m < _MILLIMETRES_BELOW_M:
        return length_text(height_m)
    return f"{number_text(height_m, 1)} m ({number_text(m_to_feet(height_m), 0)} ft)"


def band_text(band: AltitudeBand) -> str:
    """Write a band of heights: 100 to 200 m."""
    if math.isinf(band.lower_m) and math.isinf(band.upper_m):
        return "no bounds of altitude"
    if math.isinf(band.lower_m):
        return f"up to {number_text(band.upper_m, 0)} m"
    if math.isinf(band.upper_m):
        return f"from {number_text(band.lower_m, 0)} m up"
    return f"{number_text(band.lower_m, 0)} to {number_text(band.upper_m, 0)} m"


def duration_text(duration_s: float) -> str:
    """Write a duration: 0.001 s, 12.5 s, 3 min 20 s, 2 h 5 min."""
    if duration_s < 60.0:
        return f"{duration_s:g} s"
    minutes, seconds = divmod(round(duration_s, 3), 60.0)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (round(seconds, 3), "s"))
    return " ".join(f"{value:g} {unit}" for value, unit in parts if value)


def instant_text(instant: datetime) -> str:
    """Write an instant: 2026-05-01 10:12:00.5 UTC."""
    day, _, clock = rfc3339(instant).rstrip("Z").partition("T")
    return f"{day} {clock.rstrip('0').rstrip('.') if '.' in clock else clock} UTC"


def span_text(start: datetime, end: datetime) -> str:
    """Write a span of time; the day once if it is the same."""
    first, last = instant_text(start), instant_text(end)
    return f"{first[:-4]} to {last[11:] if first[:10] == last[:10] else last}"


def position_text(position: LatLng) -> str:
    """Write a position in decimal degrees: 35.41230° N, 35.90120° E."""
    (north, east) = _hemispheres(position)
    return f"{abs(position.lat_deg):.5f}° {north}, {abs(position.lng_deg):.5f}° {east}"


def dms_text(position: LatLng) -> str:
    """Write a position in degrees, minutes and seconds: 35°24′44.3″ N, 35°54′04.3″ E."""
    parts = []
    for degrees, side in zip(position, _hemispheres(position), strict=True):
        minutes, tenths = divmod(round(abs(degrees) * 36_000), 600)
        whole, minutes = divmod(minutes, 60)
        parts.append(f"{whole}°{minutes:02d}{MINUTE}{tenths / 10:04.1f}{SECOND} {side}")
    return ", ".join(parts)


def _hemispheres(position: LatLng) -> tuple[str, str]:
    return "N" if position.lat_deg >= 0 else "S", "E" if position.lng_deg >= 0 else "W"


def kind_text(item: Item) -> str:
    """Name the kind of an item: operation, keep-out zone, notify-first zone."""
    if not isinstance(item, Constraint):
        return "operation"
    match item.rule:
        case ConstraintRule.KEEP_OUT:
            return "keep-out zone"
        case ConstraintRule.NOTIFY_FIRST:
            return "notify-first zone"
        case _:
            assert_never(item.rule)
