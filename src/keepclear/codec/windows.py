"""When the volumes of a feature are used, from its properties and from the times of waypoints."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keepclear.codec.geometries import Line, Located
from keepclear.codec.properties import Properties
from keepclear.core.errors import InvalidValueError
from keepclear.core.times import TimeWindow, rfc3339

TIME_MARGIN_MAX_S: Final = 86_400.0
"""The most that the time of a waypoint may be widened, seconds."""

_TWICE: Final = "the waypoints have times of their own; give one of the two"


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """When the volumes of one feature are used; what is not stated, or at fault, is None.

    Attributes:
        whole: When volumes are used that have no times of their own.
        times: When each waypoint of the only line is passed.
        margin: By how much the window of a leg is widened at either end.
    """

    whole: TimeWindow | None
    times: tuple[datetime, ...] | None
    margin: timedelta | None


def read_windows(
    geometries: Sequence[Located], properties: Properties, *, timed: bool, inherited: Mapping[str, object]
) -> Windows:
    """Read when the volumes of a feature are used.

    Args:
        geometries: Its geometries; none if they are at fault.
        properties: Its properties; what is wrong is added to their faults.
        timed: The geometries tell the times of waypoints, or would if they were not at fault.
        inherited: What stands for `time_start` and `time_end` if nothing else tells the time.
    """
    lines = [geometry for _, geometry in geometries if isinstance(geometry, Line)]
    untimed = sum(line.times is None for line in lines)
    if properties.has("times"):
        if untimed < len(lines):
            properties.refuse("times", _TWICE)
        elif len(lines) > 1:
            properties.refuse("times", "it cannot belong to several lines; make each a feature of its own")
        untimed = 0
    if geometries:
        timed = len(lines) == len(geometries) and untimed == 0
        if untimed and untimed == len(lines) and properties.has("time_margin_s"):
            properties.refuse("time_margin_s", "it widens the times of waypoints, and they have none")
    else:
        timed = timed or properties.has("times")
    if timed and geometries and (properties.has("time_start") or properties.has("time_end")):
        properties.refuse("time_start" if properties.has("time_start") else "time_end", _TWICE)
    return Windows(
        whole=_whole(properties, timed, inherited),
        times=properties.instants("times"),
        margin=_margin(properties),
    )


def _whole(properties: Properties, timed: bool, inherited: Mapping[str, object]) -> TimeWindow | None:
    source = properties
    if not properties.has("time_start") and not properties.has("time_end"):
        if timed:
            return None
        source = Properties(inherited, properties.textual, properties.faults)
    start, end = source.instant("time_start"), source.instant("time_end")
    missing = [name for name in ("time_start", "time_end") if not source.has(name)]
    if len(missing) == 2:
        properties.refuse("time_start", "no time is given; give time_start and time_end")
    elif missing and not timed:
        properties.refuse(missing[0], "it is missing; a volume needs both times")
    if start is None or end is None:
        return None
    try:
        return TimeWindow(start=start, end=end)
    except InvalidValueError as error:
        properties.refuse(error.field, error.reason)
        return None


def _margin(properties: Properties) -> timedelta | None:
    if not properties.has("time_margin_s"):
        return timedelta()
    margin_s = properties.number("time_margin_s")
    if margin_s is None:
        return None
    if not 0.0 <= margin_s <= TIME_MARGIN_MAX_S:
        properties.refuse("time_margin_s", f"{margin_s!r} s is not within 0..{TIME_MARGIN_MAX_S:,.0f} s")
        return None
    return timedelta(microseconds=math.ceil(margin_s * 1e6))


def leg_windows(line: Line, properties: Properties, windows: Windows) -> list[TimeWindow] | None:
    """Return the window of each leg of a line.

    From one waypoint to the next, widened by the margin at either end. Times must not fall; where
    two waypoints at different positions have the same time, only a margin makes sense of it.

    Args:
        line: The line, with at least two waypoints.
        properties: Where faults go.
        windows: What the feature states.

    Returns:
        The windows, or None if something is at fault.
    """
    times = windows.times if line.times is None else line.times
    if times is None:
        return None if windows.whole is None else [windows.whole] * (len(line.vertices) - 1)
    if len(times) != len(line.vertices):
        properties.refuse("times", f"there are {len(times)} times for {len(line.vertices)} waypoints")
        return None
    margin = windows.margin
    found = []
    for index, (start, end) in enumerate(itertools.pairwise(times), start=1):
        reason = None
        if start > end:
            reason = f"it is before the time of the waypoint before ({rfc3339(end)} < {rfc3339(start)})"
        elif start == end and not margin and line.vertices[index - 1] != line.vertices[index]:
            reason = "the waypoint before has the same time and another position; add a time_margin_s"
        elif margin is not None:
            try:
                found.append(TimeWindow(start=start - margin, end=end + margin))
            except OverflowError:
                reason = "with its margin it leaves the years 1 to 9999"
        if reason is not None:
            line.refuse(index, "times", "time", reason, properties)
    return found if len(found) == len(times) - 1 else None
